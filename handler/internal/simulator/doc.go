// Package simulator is a scripted Azure OpenAI for tests, the local stack and benchmarks.
package simulator
