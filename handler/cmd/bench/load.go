package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

const (
	kilobyte = 1 << 10
	megabyte = 1 << 20
)

// load is one kind of call.
type load struct {
	name        string   // as in the tables
	deployments []string // called in turn
	operation   string
	body        []byte
	answer      int // bytes of a whole answer's body
}

func chat(size int) load {
	return load{
		name: "chat, " + byteSize(size), deployments: []string{"chat"}, operation: "chat/completions",
		body: chatBody(size, false), answer: len(completion()),
	}
}

func stream(events int) load {
	return load{
		name: fmt.Sprintf("stream of %s events", thousands(events)), deployments: []string{eventsPrefix + strconv.Itoa(events)},
		operation: "chat/completions", body: chatBody(kilobyte, true), answer: (events-1)*len(event()) + len(lastEvent),
	}
}

func embeddings() load {
	return load{
		name: "embeddings, 1 MB of answer", deployments: []string{vectorsName}, operation: "embeddings",
		body:   []byte(`{"model":"text-embedding-3-small","input":["` + strings.Repeat("word ", 180) + `"]}`),
		answer: len(vectors()),
	}
}

// over gives the same calls to so many deployments in turn.
func (l load) over(deployments int) load {
	l.deployments = make([]string, deployments)
	for i := range l.deployments {
		l.deployments[i] = fmt.Sprintf("chat-%d", i)
	}
	return l
}

// chatBody has exactly so many bytes, where that is enough for a call.
func chatBody(size int, stream bool) []byte {
	head := fmt.Sprintf(`{"model":"gpt-5.1","stream":%t,"temperature":0.7,"max_tokens":400,"messages":[{"role":"user","content":"`, stream)
	const tail = `"}]}`
	filler := max(0, size-len(head)-len(tail))
	return []byte(head + strings.Repeat("word ", filler/5) + strings.Repeat(".", filler%5) + tail)
}

// requests are the calls as they go over the wire to a host, one for each deployment.
func (l load) requests(host string) [][]byte {
	all := make([][]byte, len(l.deployments))
	for i, name := range l.deployments {
		var b bytes.Buffer
		b.Grow(len(l.body) + 512)
		fmt.Fprintf(&b, "POST /openai/deployments/%s/%s?api-version=2024-10-21 HTTP/1.1\r\nHost: %s\r\n", name, l.operation, host)
		b.WriteString("User-Agent: OpenAI/Python 1.99.0\r\nAccept: application/json\r\nContent-Type: application/json\r\napi-key: of-the-caller\r\n")
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(l.body))
		b.Write(l.body)
		all[i] = b.Bytes()
	}
	return all
}
