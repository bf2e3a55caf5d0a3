// Package config reads Tranche's settings and says everything that is wrong with them at once.
//
// Every setting has one name, which is that of its environment variable. A value comes from, in
// this order: a flag, the environment, a TOML file (where the key is the name in lower case), the
// default. A secret may also be given as the path of a file that holds it, under its name with
// _FILE appended.
//
// The package imports nothing else of Tranche's and reads no process-wide state: sources are handed
// in.
package config
