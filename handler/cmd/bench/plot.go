package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The plot has one panel a load, in two columns; in each a group of bars for each number of connections. All colours lie
// between light and dark, and nothing lies behind them: the plot is read on either.
const (
	panelWidth   = 430
	panelHeight  = 225
	legendSpace  = 74
	legendColumn = 198
	leftMargin   = 56
	topMargin    = 34
	barSpace     = 156 // the height of the highest bar
	ink          = "#7a828c"
)

func colourOf(target string) string {
	switch target {
	case nameDirect:
		return "#8b949e"
	case nameNginx:
		return "#2da44e"
	case nameBare:
		return "#a371f7"
	case nameTable:
		return "#1f6feb"
	case nameMemory:
		return "#58a6ff"
	case nameHostedEmpty:
		return "#bf8700"
	case nameHostedQuiet:
		return "#bf3989"
	}
	return "#db6d28"
}

// plot draws throughput as an SVG.
func plot(all []*series) string {
	panels := byLoad(all)
	var b strings.Builder
	rows := (len(panels) + 1) / 2
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12" fill="%s">`+"\n",
		2*panelWidth, legendSpace+rows*panelHeight, ink)
	b.WriteString("<title>Requests a second by target and number of connections</title>\n")
	fmt.Fprintf(&b, `<text x="%d" y="16" font-size="15" font-weight="600">Requests a second, by number of connections</text>`+"\n", leftMargin)
	if len(all) > 0 {
		legend(&b, all[0].targets)
	}
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", i%2*panelWidth, legendSpace+i/2*panelHeight)
		panel(&b, p)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// byLoad puts the series of each load together.
func byLoad(all []*series) [][]*series {
	var groups [][]*series
	for _, s := range all {
		if n := len(groups); n > 0 && groups[n-1][0].load.name == s.load.name {
			groups[n-1] = append(groups[n-1], s)
		} else {
			groups = append(groups, []*series{s})
		}
	}
	return groups
}

func legend(b *strings.Builder, targets []*target) {
	for i, t := range targets {
		x, y := leftMargin+i%4*legendColumn, 40+i/4*18
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="11" height="11" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n",
			x, y-10, colourOf(t.name), x+17, y, html.EscapeString(t.name))
	}
}

func panel(b *strings.Builder, p []*series) {
	highest := roundUp(highestRate(p))
	fmt.Fprintf(b, `<text x="%d" y="20" font-size="14" font-weight="600">%s</text>`+"\n", leftMargin, html.EscapeString(p[0].load.name))
	for _, share := range []float64{0, 0.5, 1} {
		y := topMargin + barSpace*(1-share)
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="%s" stroke-opacity=".35"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			leftMargin, y, panelWidth-14, ink, leftMargin-6, y+4, whole(highest*share))
	}
	space := float64(panelWidth-14-leftMargin) / float64(len(p))
	for i, s := range p {
		s.bars(b, float64(leftMargin)+float64(i)*space, space, highest)
	}
}

// bars are those of one number of connections.
func (s *series) bars(b *strings.Builder, x, space, highest float64) {
	bar := space * 0.82 / float64(max(1, len(s.targets)))
	for i, t := range s.targets {
		perSecond := median(s.cell(t.name).rate)
		if math.IsNaN(perSecond) {
			continue
		}
		height := barSpace * perSecond / highest
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%s: %s/s</title></rect>`+"\n",
			x+space*0.09+float64(i)*bar, topMargin+barSpace-height, bar*0.9, height, colourOf(t.name), html.EscapeString(t.name), rate(perSecond))
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", x+space/2, topMargin+barSpace+18, s.connections)
}

func highestRate(p []*series) float64 {
	highest := 0.0
	for _, s := range p {
		for _, c := range s.cells {
			highest = max(highest, median(c.rate))
		}
	}
	return highest
}

// roundUp gives the next 1, 2 or 5 times a power of ten.
func roundUp(x float64) float64 {
	if x <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, step := range []float64{1, 2, 5} {
		if x <= step*power {
			return step * power
		}
	}
	return 10 * power
}
