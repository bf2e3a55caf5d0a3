// Package protocol holds the model of how one charge is made: charge.pml, in Promela, for the model
// checker spin. docs/protocol.md explains it. The package has no code.
package protocol
