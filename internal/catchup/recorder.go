package catchup

import "context"

// Recorder keeps the newest lines of text outside the database.
type Recorder interface {
	Add(ctx context.Context, line string) error
	Lines(ctx context.Context) ([]string, error)
	Remove(ctx context.Context, lines ...string) error
}

// RecordedWitness is a witness in a recorder, shared by all processes.
type RecordedWitness struct{ Recorder Recorder }

// Note adds a mark.
func (w RecordedWitness) Note(ctx context.Context, m Mark) error {
	return w.Recorder.Add(ctx, m.String())
}

// Marks returns the stored marks.
func (w RecordedWitness) Marks(ctx context.Context) ([]Mark, error) {
	lines, err := w.Recorder.Lines(ctx)
	var marks []Mark
	for _, line := range lines {
		if m, ok := ParseMark(line); ok {
			marks = append(marks, m)
		}
	}
	return marks, err
}

// Forget removes marks.
func (w RecordedWitness) Forget(ctx context.Context, marks ...Mark) error {
	lines := make([]string, len(marks))
	for i, m := range marks {
		lines[i] = m.String()
	}
	return w.Recorder.Remove(ctx, lines...)
}
