package main

import "strings"

// table is one of GitHub's Markdown. The first columns are text, those from number on are figures.
type table struct {
	columns []string
	number  int
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// String is readable in a terminal as well: columns are as wide as their widest cell.
func (t *table) String() string {
	widths := make([]int, len(t.columns))
	for _, row := range append([][]string{t.columns}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell), 3)
		}
	}
	var b strings.Builder
	t.line(&b, widths, t.columns)
	for i, w := range widths {
		if i < t.number {
			b.WriteString("|" + strings.Repeat("-", w+2))
		} else {
			b.WriteString("|" + strings.Repeat("-", w+1) + ":")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		t.line(&b, widths, row)
	}
	return b.String()
}

func (t *table) line(b *strings.Builder, widths []int, cells []string) {
	for i, w := range widths {
		cell := ""
		if i < len(cells) {
			cell = cells[i]
		}
		space := strings.Repeat(" ", w-width(cell))
		if i < t.number {
			b.WriteString("| " + cell + space + " ")
		} else {
			b.WriteString("| " + space + cell + " ")
		}
	}
	b.WriteString("|\n")
}

func width(s string) int { return len([]rune(s)) }
