package store

import "testing"

func FuzzDecodeEnds(f *testing.F) {
	f.Add(`{"eastus":{"until":"2026-01-02T03:04:05.006Z","cause":"throttled"}}`)
	f.Add(`{"a":{"until":"9999-12-31T23:59:59.999999999+14:00","cause":"failed"},"a":null}`)
	f.Add(`null`)
	f.Add(`[{}]`)
	f.Fuzz(func(t *testing.T, text string) {
		ends := decodeEnds(text)
		again, err := encodeEnds(ends)
		if err != nil {
			return // names and years that do not fit are no backends' and no cooldowns'
		}
		if decoded := decodeEnds(again); len(decoded) != len(ends) {
			t.Errorf("%q gave %v, then %v", text, ends, decoded)
		}
	})
}
