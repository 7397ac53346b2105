package simulator

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
)

const (
	defaultDimensions = 1536
	maxDimensions     = 3072
	maxInputs         = 2048 // as Azure
)

// embeddings answers one unit vector an input: deterministic, the same for the
// same input, with all components of the same size and only signs of their own.
func (c *call) embeddings() error {
	inputs := embeddingInputs(c.ask.Input)
	dimensions := c.ask.Dimensions
	if dimensions == 0 {
		dimensions = defaultDimensions
	}
	if len(inputs) == 0 || len(inputs) > maxInputs {
		return c.refuse(http.StatusBadRequest, invalidRequest("'input' must hold 1 to 2048 texts.", "input", "invalid_value"))
	}
	if dimensions < 1 || dimensions > maxDimensions {
		return c.refuse(http.StatusBadRequest, invalidRequest("'dimensions' is out of range.", "dimensions", "invalid_value"))
	}
	c.out = append(c.out[:0], `{"object":"list","data":[`...)
	for i, input := range inputs {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.out = append(c.out, `{"object":"embedding","index":`...)
		c.out = strconv.AppendInt(c.out, int64(i), 10)
		c.out = append(c.out, `,"embedding":`...)
		c.out = appendVector(c.out, input, dimensions, c.ask.EncodingFormat == "base64")
		c.out = append(c.out, '}')
	}
	c.out = append(c.out, `],"model":`+jsonText(c.modelName())+`,"usage":{"prompt_tokens":`...)
	words := strconv.Itoa(c.ask.words)
	c.out = append(c.out, words+`,"total_tokens":`+words+`}}`...)
	return c.plain(http.StatusOK, jsonType, c.out)
}

// embeddingInputs separates the inputs: one text, one list of token numbers, or
// a list of either.
func embeddingInputs(raw json.RawMessage) []json.RawMessage {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return []json.RawMessage{raw}
	}
	if len(list) > 0 && list[0][0] != '"' && list[0][0] != '[' {
		return []json.RawMessage{raw}
	}
	return list
}

func appendVector(dst []byte, input []byte, dimensions int, asBase64 bool) []byte {
	hash := fnv.New64a()
	_, _ = hash.Write(input)
	signs := rand.New(rand.NewPCG(hash.Sum64(), 1))
	size := float32(1 / math.Sqrt(float64(dimensions)))
	if asBase64 {
		packed := make([]byte, 0, 4*dimensions)
		for range dimensions {
			packed = binary.LittleEndian.AppendUint32(packed, math.Float32bits(signed(size, signs)))
		}
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, packed)
		return append(dst, '"')
	}
	positive := strconv.AppendFloat(nil, float64(size), 'g', -1, 32)
	dst = append(dst, '[')
	for i := range dimensions {
		if i > 0 {
			dst = append(dst, ',')
		}
		if signed(size, signs) < 0 {
			dst = append(dst, '-')
		}
		dst = append(dst, positive...)
	}
	return append(dst, ']')
}

func signed(size float32, signs *rand.Rand) float32 {
	if signs.Uint32()&1 == 0 {
		return size
	}
	return -size
}
