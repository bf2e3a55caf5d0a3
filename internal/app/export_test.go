package app

// BreakListener closes the public address behind the server's back, as a kernel that takes it away.
func (a *App) BreakListener() { _ = a.public.listener.Close() }

// BreakAdminListener does the same to the admin address.
func (a *App) BreakAdminListener() { _ = a.admin.listener.Close() }
