// Package config reads Tranche's settings and reports all faults in them at once.
//
// Every setting has one name, the name of its environment variable. Its value comes from the first
// of these sources that has one: a flag, the environment, a TOML file (where the key is the name in
// lower case), the default. A secret may also be given as the path of a file that holds it, under
// its name with _FILE appended.
//
// The package reads no process-wide state: the caller passes the sources.
package config
