// Package event tells other programs what this one does: one JSON object a line on standard output.
package event

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

// Fields are what an event says beside its name and its time.
type Fields map[string]any

var lines sync.Mutex

// Emit writes an event with the time now, in nanoseconds since the Unix epoch. A reader that is gone is no
// reason to stop: a failed write is passed over.
func Emit(name string, fields Fields) {
	line := map[string]any{"event": name, "time_unix_nano": time.Now().UnixNano()}
	for key, value := range fields {
		line[key] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err) // a program's own fields can always be encoded
	}
	lines.Lock()
	defer lines.Unlock()
	_, _ = os.Stdout.Write(append(text, '\n'))
}

// OptionNotApplied says which option of the setting this program cannot take, or not as it is, and why.
func OptionNotApplied(option, why string) {
	Emit("option_not_applied", Fields{"option": option, "why": why})
}
