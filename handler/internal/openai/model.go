package openai

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// Place is where a body names its model.
type Place struct {
	Name     string
	From, To int64 // the bytes that name it, with their quotes where it is JSON
	quoted   bool
}

// Replacement is what stands in the place for another name.
func (p Place) Replacement(name string) string {
	if !p.quoted {
		return name
	}
	return quote(name)
}

// FindModel reads as much of a body of /openai/v1 as it takes to find its model: a member of the outermost JSON object,
// whatever the order, or a field of a multipart form. Its error has a public face, unless it is the reader's.
func FindModel(contentType string, body io.Reader) (Place, error) {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err == nil && media == "multipart/form-data" {
		return modelInForm(parameters["boundary"], body)
	}
	var found Place
	err = Scan(body, func(v Value) bool {
		if v.Depth == 1 && v.Key == "model" {
			found = Place{v.Text, v.From, v.To, true}
			return false
		}
		return true
	})
	switch {
	case errors.Is(err, errNotJSON), errors.Is(err, io.ErrUnexpectedEOF):
		return Place{}, notParsed()
	case err == nil && found.Name == "":
		return Place{}, missingModel()
	}
	return found, err
}

func notParsed() error {
	return &Error{
		Status: http.StatusBadRequest, Code: "invalid_body", Type: "invalid_request_error",
		Message: "The body of the request could not be parsed.",
	}
}

func missingModel() error {
	return &Error{
		Status: http.StatusBadRequest, Code: "missing_required_parameter", Type: "invalid_request_error", Param: "model",
		Message: "Missing required parameter: 'model'.",
	}
}

// form reads a multipart form line by line, which is how its parts are told apart
// (https://www.rfc-editor.org/rfc/rfc2046#section-5.1).
type form struct {
	in        *bufio.Reader
	delimiter []byte
	at        int64
	midLine   bool // the next piece goes on with a long line
}

func modelInForm(boundary string, body io.Reader) (Place, error) {
	if boundary == "" {
		return Place{}, notParsed()
	}
	f := &form{in: bufio.NewReaderSize(body, scanBuffer), delimiter: []byte("--" + boundary)}
	for {
		if err := f.skipPart(); errors.Is(err, io.EOF) {
			return Place{}, missingModel()
		} else if err != nil {
			return Place{}, err
		}
		name, err := f.partName()
		if err != nil {
			return Place{}, formError(err)
		}
		if name == "model" {
			return f.value()
		}
	}
}

func formError(err error) error {
	if errors.Is(err, io.EOF) {
		return notParsed()
	}
	return err
}

// line returns the next piece of a line, at most a buffer of it, and whether it is the line's start.
func (f *form) line() (piece []byte, start bool, err error) {
	piece, err = f.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || (errors.Is(err, io.EOF) && len(piece) > 0) {
		err = nil
	}
	start = !f.midLine
	f.midLine = !bytes.HasSuffix(piece, []byte{'\n'})
	f.at += int64(len(piece))
	return piece, start, err
}

// skipPart reads up to and with the next delimiter; io.EOF at the last one.
func (f *form) skipPart() error {
	for {
		piece, start, err := f.line()
		if err != nil {
			return err
		}
		if rest, ok := bytes.CutPrefix(piece, f.delimiter); start && ok {
			if bytes.HasPrefix(rest, []byte("--")) {
				return io.EOF
			}
			return nil
		}
	}
}

// partName reads a part's header.
func (f *form) partName() (name string, err error) {
	for {
		piece, _, err := f.line()
		if err != nil {
			return "", err
		}
		header := strings.TrimRight(string(piece), "\r\n")
		if header == "" {
			return name, nil
		}
		key, value, _ := strings.Cut(header, ":")
		if _, parameters, err := mime.ParseMediaType(value); err == nil && strings.EqualFold(key, "Content-Disposition") {
			name = parameters["name"]
		}
	}
}

func (f *form) value() (Place, error) {
	from := f.at
	piece, _, err := f.line()
	if err != nil {
		return Place{}, formError(err)
	}
	name := strings.TrimRight(string(piece), "\r\n")
	if name == "" || len(name) > maxScannedText {
		return Place{}, missingModel()
	}
	return Place{name, from, from + int64(len(name)), false}, nil
}
