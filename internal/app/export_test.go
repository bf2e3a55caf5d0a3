package app

// BreakListener closes the public listener without shutting down the server, as if the kernel had
// closed it.
func (a *App) BreakListener() { _ = a.public.listener.Close() }

// BreakAdminListener does the same to the admin address.
func (a *App) BreakAdminListener() { _ = a.admin.listener.Close() }
