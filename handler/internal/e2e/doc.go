// Package e2e tests the built product as its users meet it: real processes, real storage, real clients.
package e2e
