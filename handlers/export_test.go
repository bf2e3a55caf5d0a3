package handlers

// Routes are the routes of the API, each with the query parameters that it takes.
func (s *Server) Routes() map[string][]string {
	routes := map[string][]string{}
	for _, one := range s.apiRoutes().routes {
		routes[one.pattern] = one.params
	}
	return routes
}
