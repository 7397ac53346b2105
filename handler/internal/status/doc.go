// Package status shows what happens now: one page, and the same as JSON, of this instance and of the fleet.
package status
