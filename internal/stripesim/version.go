package stripesim

import "regexp"

// versionForm is a date, since 2024 with the name of a release, and betas that are asked for.
var versionForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(\.[a-z]+)?(;\s*[a-z0-9_]+=v\d+)*$`)

// wellFormedVersion reports whether a Stripe-Version header has the form of one. Any of them is
// answered in the shapes of APIVersion.
func wellFormedVersion(version string) bool { return versionForm.MatchString(version) }
