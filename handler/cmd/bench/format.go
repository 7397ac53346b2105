package main

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// none stands where a figure is not to be had.
const none = "–"

// thousands writes 12345 as 12,345.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func byteSize(n int) string {
	if n >= megabyte {
		return fmt.Sprintf("%d MB", n/megabyte)
	}
	return fmt.Sprintf("%d KB", n/kilobyte)
}

// duration writes nanoseconds with three digits, in µs or ms.
func duration(ns float64) string {
	us := ns / float64(time.Microsecond)
	switch {
	case math.IsNaN(us):
		return none
	case math.Abs(us) < 1000:
		return fmt.Sprintf("%.0f µs", us)
	case math.Abs(us) < 10_000:
		return fmt.Sprintf("%.2f ms", us/1000)
	}
	return fmt.Sprintf("%.0f ms", us/1000)
}

func rate(perSecond float64) string {
	switch {
	case math.IsNaN(perSecond):
		return none
	case perSecond < 100:
		return fmt.Sprintf("%.1f", perSecond)
	}
	return thousands(int(math.Round(perSecond)))
}

func times(ratio float64) string {
	if math.IsNaN(ratio) {
		return none
	}
	return fmt.Sprintf("%.2f", ratio)
}

func mebibytes(bytes uint64) string {
	if bytes == 0 {
		return none
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/megabyte)
}
