package stripesim

import "regexp"

// versionForm matches a date, since 2024 with the name of a release, and requested betas.
var versionForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(\.[a-z]+)?(;\s*[a-z0-9_]+=v\d+)*$`)

// wellFormedVersion reports whether a Stripe-Version header is well-formed. Responses always have
// the shapes of APIVersion.
func wellFormedVersion(version string) bool { return versionForm.MatchString(version) }
