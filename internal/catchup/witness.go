package catchup

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"tranche/internal/billing"
)

// Mark is an attempt that was committed before Stripe was called.
type Mark struct {
	Attempt billing.AttemptID
	At      time.Time // by the clock of charges, to the millisecond
}

// String returns a mark as text, which ParseMark parses.
func (m Mark) String() string {
	return string(m.Attempt) + " " + strconv.FormatInt(m.At.UnixMilli(), 10)
}

// ParseMark parses a mark; it returns false for any other text.
func ParseMark(text string) (Mark, bool) {
	id, at, ok := strings.Cut(strings.TrimSpace(text), " ")
	ms, err := strconv.ParseInt(at, 10, 64)
	return Mark{Attempt: billing.AttemptID(id), At: time.UnixMilli(ms).UTC()}, ok && err == nil && strings.HasPrefix(id, "att_")
}

// MaxMarks is how many of the newest marks a witness keeps. A database that went back lacks the
// newest attempts first.
const MaxMarks = 200

// Witness keeps the newest marks outside the database. It may be lost at any time. It then does not
// show that a database went back in time, and only the checks at every start and before late
// attempts are left. It is safe for concurrent use.
type Witness interface {
	// Note adds a mark.
	Note(ctx context.Context, m Mark) error
	// Marks returns the stored marks, in no order.
	Marks(ctx context.Context) ([]Mark, error)
	// Forget removes marks that were dealt with.
	Forget(ctx context.Context, marks ...Mark) error
}

// slot is the length of a mark in a file, including its line break.
const slot = 64

// FileWitness is a witness in a small file of fixed size, for example next to a SQLite database. It
// belongs to one process.
type FileWitness struct {
	mu    sync.Mutex
	file  *os.File
	next  int64
	marks [MaxMarks]string
}

// OpenFile opens the witness at path, and creates it if there is none. The caller closes it with
// Close.
func OpenFile(path string) (*FileWitness, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the witness: %w", err)
	}
	w := &FileWitness{file: f}
	content := make([]byte, MaxMarks*slot)
	n, _ := f.ReadAt(content, 0) // a short file has fewer marks
	newest := time.Time{}
	for i := 0; (i+1)*slot <= n; i++ {
		m, ok := ParseMark(string(content[i*slot : (i+1)*slot]))
		if !ok {
			continue
		}
		w.marks[i] = m.String()
		if m.At.After(newest) {
			newest, w.next = m.At, int64(i+1)
		}
	}
	return w, nil
}

// Note overwrites the oldest mark. The mark is not synced to disk: a power cut does not bring back
// an older database.
func (w *FileWitness) Note(_ context.Context, m Mark) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.next % MaxMarks
	if err := w.put(i, m.String()); err != nil {
		return err
	}
	w.next++
	return nil
}

// Marks returns what is kept.
func (w *FileWitness) Marks(context.Context) ([]Mark, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var marks []Mark
	for _, text := range &w.marks {
		if m, ok := ParseMark(text); ok {
			marks = append(marks, m)
		}
	}
	return marks, nil
}

// Forget removes marks.
func (w *FileWitness) Forget(_ context.Context, marks ...Mark) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range marks {
		for i, text := range &w.marks {
			if text != m.String() {
				continue
			}
			if err := w.put(int64(i), ""); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *FileWitness) put(i int64, text string) error {
	if _, err := fmt.Fprintf(&at{w.file, i * slot}, "%-*s\n", slot-1, text); err != nil {
		return fmt.Errorf("write the witness: %w", err)
	}
	w.marks[i] = text
	return nil
}

// Close closes the file.
func (w *FileWitness) Close() error { return w.file.Close() }

// at writes to a place in a file.
type at struct {
	file *os.File
	from int64
}

// Write writes at the place.
func (a *at) Write(p []byte) (int, error) { return a.file.WriteAt(p, a.from) }
