// Package stack starts the whole product on one machine from real parts.
package stack
