package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/text/language"

	"tranche/config"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/locale"
	"tranche/internal/notify"
)

// sampleLink is the link in a sample if no page is configured. RFC 2606 reserves its domain.
const sampleLink = "https://pay.example/sample"

// allOf selects every kind or every language.
const allOf = "all"

// previewedMail is the JSON of a previewed mail.
type previewedMail struct {
	Kind    billing.NoticeKind `json:"kind"`
	Locale  string             `json:"locale"`
	Subject string             `json:"subject"`
	HTML    string             `json:"html"` // path of the file
	Text    string             `json:"text"` // likewise
}

func (c *cli) noticePreviewCommand() *cobra.Command {
	var tag, dir string
	cmd := &cobra.Command{
		Use: "preview KIND", Short: "Write a sample of a mail, with made-up data", Args: oneArg("kind"),
		Long: `Write a mail with made-up data as HTML and as text, and print the paths of the files. KIND is one of ` + kindList() + `,
or all. Templates in TRANCHE_TEMPLATES are used if there are any.`,
		RunE: func(_ *cobra.Command, args []string) error {
			kinds, err := noticeKinds(args[0])
			if err != nil {
				return err
			}
			tags, err := noticeLocales(tag)
			if err != nil {
				return err
			}
			return c.preview(kinds, tags, dir)
		},
	}
	cmd.Flags().StringVar(&tag, "locale", "en", "in the language of this `TAG`, such as de or en-GB, or all")
	cmd.Flags().StringVar(&dir, "out", "", "write into this `DIR` (default: a new temporary folder)")
	return cmd
}

func kindList() string {
	var names []string
	for _, k := range notify.SampleKinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func noticeKinds(word string) ([]billing.NoticeKind, error) {
	all := notify.SampleKinds()
	if word == allOf {
		return all, nil
	}
	if kind := billing.NoticeKind(word); slices.Contains(all, kind) {
		return []billing.NoticeKind{kind}, nil
	}
	return nil, usageError{fmt.Errorf("%q is not a kind of notice: use one of %s, or all", word, kindList())}
}

func noticeLocales(word string) ([]string, error) {
	if word == allOf {
		return locale.Tags(), nil
	}
	if _, err := language.Parse(word); err != nil {
		return nil, usageError{fmt.Errorf("--locale %q is not a language tag: use a tag such as de or en-GB, or all", word)}
	}
	return []string{word}, nil
}

// sampleMerchant returns the configured merchant, with a sample link if none is set, so that mails
// show their buttons.
func sampleMerchant(cfg config.Config) (notify.Merchant, error) {
	m, err := app.Merchant(cfg)
	if m.PayLink == nil && m.ReturnURL == "" {
		m.PayLink = func(billing.Notice) string { return sampleLink }
	}
	return m, err
}

func (c *cli) preview(kinds []billing.NoticeKind, tags []string, dir string) error {
	cfg, err := c.config(nil, config.Needs{})
	if err != nil {
		return err
	}
	merchant, err := sampleMerchant(cfg)
	if err != nil {
		return err
	}
	if dir == "" {
		dir, err = os.MkdirTemp("", "tranche-preview-")
	} else {
		err = os.MkdirAll(dir, 0o755) //nolint:gosec // G301: a sample holds no secret
	}
	if err != nil {
		return fmt.Errorf("make the folder for the mails: %w", err)
	}
	var written []previewedMail
	for _, kind := range kinds {
		for _, tag := range tags {
			p, err := writePreview(kind, tag, merchant, dir)
			if err != nil {
				return err
			}
			written = append(written, p)
		}
	}
	if c.json {
		return c.printJSON(written)
	}
	for _, p := range written {
		fmt.Fprintf(c.out, "%s\n%s\n", p.HTML, p.Text)
	}
	return nil
}

func writePreview(kind billing.NoticeKind, tag string, m notify.Merchant, dir string) (previewedMail, error) {
	mail, err := notify.Render(notify.Sample(kind, tag, time.Now()), m)
	if err != nil {
		return previewedMail{}, err
	}
	base := filepath.Join(dir, string(kind)+"."+tag)
	p := previewedMail{Kind: kind, Locale: tag, Subject: mail.Subject, HTML: base + ".html", Text: base + ".txt"}
	for path, body := range map[string]string{p.HTML: mail.HTML, p.Text: "Subject: " + mail.Subject + "\n\n" + mail.Text} {
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil { //nolint:gosec // G306: a sample holds no secret
			return p, fmt.Errorf("write a mail to look at: %w", err)
		}
	}
	return p, nil
}

func (c *cli) noticeSendTestCommand() *cobra.Command {
	var kind, tag string
	cmd := &cobra.Command{
		Use: "send-test ADDRESS", Short: "Send a mail with made-up data to yourself", Args: oneArg("address"),
		Long: `Send a mail with made-up data through the mail server in SMTP_URL, to view it in a mail program.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			kinds, err := noticeKinds(kind)
			if err != nil {
				return err
			}
			tags, err := noticeLocales(tag)
			if err != nil {
				return err
			}
			return c.sendTest(cmd.Context(), args[0], kinds, tags)
		},
	}
	cmd.Flags().StringVar(&kind, "kind", string(billing.NoticePaymentFailed), "a notice of this `KIND`, or all")
	cmd.Flags().StringVar(&tag, "locale", "en", "in the language of this `TAG`, such as de or en-GB, or all")
	return cmd
}

func (c *cli) sendTest(ctx context.Context, address string, kinds []billing.NoticeKind, tags []string) error {
	cfg, err := c.config(nil, config.Needs{})
	if err != nil {
		return err
	}
	if cfg.SMTPURL == "" {
		return usageError{errors.New("SMTP_URL is not set, so there is no mail server; `tranche notice preview` needs none")}
	}
	merchant, err := sampleMerchant(cfg)
	if err != nil {
		return err
	}
	server, err := notify.NewSMTP(notify.SMTPConfig{URL: cfg.SMTPURL, From: cfg.MailFrom})
	if err != nil {
		return err
	}
	defer server.Close()
	for _, kind := range kinds {
		for _, tag := range tags {
			n := notify.Sample(kind, tag, time.Now())
			n.To, n.MessageID = address, "test-"+rand.Text()+"@"+app.MessageDomain(cfg) // a second test is another mail
			mail, err := notify.Render(n, merchant)
			if err != nil {
				return err
			}
			if _, err := server.Send(ctx, mail); err != nil {
				return mailFault(err)
			}
			fmt.Fprintf(c.talk, "sent to %s: %s\n", address, mail.Subject)
		}
	}
	return nil
}

// mailFault distinguishes a refused mail from a mail server that does not answer.
func mailFault(err error) error {
	if refused, ok := errors.AsType[*billing.MailError](err); ok && !refused.Permanent {
		return fmt.Errorf("%w: %w", billing.ErrUnavailable, err)
	}
	return err
}
