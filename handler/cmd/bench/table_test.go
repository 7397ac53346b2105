package main

import (
	"math"
	"testing"
)

func TestTable_IsMarkdownWithEvenColumns(t *testing.T) {
	tab := &table{number: 1, columns: []string{"target", "p50"}}
	tab.add("nginx", "1 µs")
	tab.add("direct", none)
	const want = "" +
		"| target |  p50 |\n" +
		"|--------|-----:|\n" +
		"| nginx  | 1 µs |\n" +
		"| direct |    – |\n"
	if got := tab.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFormat_FiguresReadWell(t *testing.T) {
	for _, row := range []struct{ got, want string }{
		{thousands(0), "0"}, {thousands(999), "999"}, {thousands(1000), "1,000"}, {thousands(-1234567), "-1,234,567"}, {thousands(-123), "-123"},
		{duration(0), "0 µs"}, {duration(42_400), "42 µs"}, {duration(1_234_000), "1.23 ms"}, {duration(12_300_000), "12 ms"},
		{duration(-5_000), "-5 µs"}, {duration(math.NaN()), none},
		{rate(12.34), "12.3"}, {rate(12345.6), "12,346"}, {rate(math.NaN()), none},
		{times(0.456), "0.46"}, {times(math.NaN()), none},
		{byteSize(100 * kilobyte), "100 KB"}, {byteSize(50 * megabyte), "50 MB"},
		{mebibytes(0), none}, {mebibytes(3 << 19), "1.5 MB"},
	} {
		if row.got != row.want {
			t.Errorf("%q, want %q", row.got, row.want)
		}
	}
}
