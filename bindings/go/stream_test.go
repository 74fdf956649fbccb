// SPDX-License-Identifier: MIT

package zcnet_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// certificate is one that names nobody, for tests that trust it and nothing else.
func certificate(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"test"}, IsCA: true, BasicConstraintsValid: true}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	roots := x509.NewCertPool()
	roots.AddCert(must[*x509.Certificate](t)(x509.ParseCertificate(der)))
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots, ServerName: "test"}
}

// transports are the things that streams run over in the tests: each gives two ends.
func transports(t testing.TB) map[string]func() (near, far io.ReadWriter) {
	sockets := func(network, address string) (net.Conn, net.Conn) {
		listener := must[net.Listener](t)(net.Listen(network, address))
		defer listener.Close()
		near := must[net.Conn](t)(net.Dial(network, listener.Addr().String()))
		return near, must[net.Conn](t)(listener.Accept())
	}
	server, client := certificate(t)
	return map[string]func() (io.ReadWriter, io.ReadWriter){
		"pipe": func() (io.ReadWriter, io.ReadWriter) { return net.Pipe() },
		"tcp":  func() (io.ReadWriter, io.ReadWriter) { return sockets("tcp", "127.0.0.1:0") },
		"unix": func() (io.ReadWriter, io.ReadWriter) { return sockets("unix", addresses(t)["unix"][len("unix://"):]) },
		"tls": func() (io.ReadWriter, io.ReadWriter) {
			near, far := sockets("tcp", "127.0.0.1:0")
			return tls.Client(near, client), tls.Server(far, server)
		},
		"bytewise": func() (io.ReadWriter, io.ReadWriter) {
			near, far := sockets("tcp", "127.0.0.1:0")
			return bytewise{near}, bytewise{far}
		},
	}
}

// bytewise reads and writes as little as it may.
type bytewise struct{ net.Conn }

func (b bytewise) Read(p []byte) (int, error) { return b.Conn.Read(p[:min(len(p), 1)]) }

func streams(t testing.TB, make func() (near, far io.ReadWriter), framing *zcnet.Framing) (near, far *zcnet.Stream) {
	t.Helper()
	a, b := make()
	near = must[*zcnet.Stream](t)(zcnet.NewStream(a, framing, nil))
	far = must[*zcnet.Stream](t)(zcnet.NewStream(b, framing, nil))
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestStreamsBothWaysAtOnce(t *testing.T) {
	for name, ends := range transports(t) {
		t.Run(name, func(t *testing.T) {
			ctx := limited(t)
			near, far := streams(t, ends, lengths)
			total, large := 3000, 300000
			if name == "bytewise" {
				total, large = 300, 3000
			}
			echoed := make(chan error, 1)
			go func() {
				for m := range far.Messages(ctx) {
					if err := far.SendMessage(m); err != nil {
						echoed <- err
						return
					}
					if err := far.Flush(); err != nil {
						echoed <- err
						return
					}
				}
				echoed <- far.ReadErr()
			}()
			body := func(i int) string {
				if i == total/2 {
					return string(bytes.Repeat([]byte{'L'}, large))
				}
				return fmt.Sprintf("message %d", i)
			}
			go func() {
				for i := range total {
					if i%3 == 0 {
						if err := near.SendCopy([]byte(body(i))); err != nil {
							t.Error(err)
						}
					} else if err := near.Send(unit(t, lengths, body(i))); err != nil {
						t.Error(err)
					}
					if i%10 == 9 {
						if err := near.Flush(); err != nil {
							t.Error(err)
						}
					}
				}
			}()
			for i := range total {
				m := must[zcnet.Message](t)(near.Recv(ctx))
				if m.String() != body(i) {
					t.Fatalf("message %d is %.40q", i, m.String())
				}
				check(t, m.Release())
			}
			if stats := near.Stats(); stats.MessagesIn != uint64(total) || stats.MessagesOut != uint64(total) {
				t.Errorf("%+v", stats)
			}
			check(t, near.Close())
			check(t, <-echoed)
			if _, err := near.Recv(ctx); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			if err := near.SendCopy(nil); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			if err := near.Close(); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

func TestStreamEnds(t *testing.T) {
	ctx := limited(t)
	for wire, want := range map[string]error{"\x00\x00\x00\x02hi": io.EOF, "\x00\x00\x00\x09half": io.ErrUnexpectedEOF,
		"\xff\xff\xff\xff": zcnet.ErrFrameTooLarge} {
		s := must[*zcnet.Stream](t)(zcnet.NewStream(readOnly{bytes.NewReader([]byte(wire))}, lengths, nil))
		var err error
		for err == nil {
			var m zcnet.Message
			if m, err = s.Recv(ctx); err == nil {
				if m.String() != "hi" {
					t.Errorf("%q", m.String())
				}
				check(t, m.Release())
			}
		}
		if !errors.Is(err, want) {
			t.Errorf("%q ended with %v", wire, err)
		}
		// And says so again.
		if _, again := s.Recv(ctx); again != err {
			t.Error(again)
		}
		check(t, s.Close())
	}
}

type readOnly struct{ io.Reader }

func (readOnly) Write(p []byte) (int, error) { return 0, io.ErrClosedPipe }

func TestStreamThatCannotBeWritten(t *testing.T) {
	s := must[*zcnet.Stream](t)(zcnet.NewStream(readOnly{bytes.NewReader(nil)}, lengths, nil))
	check(t, s.SendCopy([]byte("x")))
	if err := s.Flush(); err != io.ErrClosedPipe {
		t.Error(err)
	}
	if err := s.SendCopy([]byte("x")); err != io.ErrClosedPipe {
		t.Error(err)
	}
	if err := s.Close(); err != io.ErrClosedPipe {
		t.Error(err)
	}
}

// A context ends the waiting and loses nothing, and closing wakes who waits.
func TestStreamContexts(t *testing.T) {
	for name, ends := range transports(t) {
		t.Run(name, func(t *testing.T) {
			near, far := streams(t, ends, lengths)
			if name == "tls" { // so that the handshake is done, which a deadline would break
				go far.Write(nil)
				m := must[zcnet.Message](t)(near.Recv(limited(t)))
				check(t, m.Release())
			}
			for range 3 {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
				if _, err := near.Recv(ctx); err != context.DeadlineExceeded {
					t.Error(err)
				}
				for range near.Messages(ctx) {
					t.Error("a message")
				}
				if near.ReadErr() != context.DeadlineExceeded {
					t.Error(near.ReadErr())
				}
				cancel()
				go far.Write([]byte("there"))
				m := must[zcnet.Message](t)(near.Recv(limited(t)))
				if m.String() != "there" {
					t.Errorf("%q", m.String())
				}
				check(t, m.Release())
			}
			ended := make(chan error, 1)
			go func() {
				_, err := near.Recv(context.Background())
				ended <- err
			}()
			time.Sleep(time.Millisecond)
			check(t, near.Close())
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

// The framing changes behind what was given last, whatever lies behind it in the same array.
func TestStreamFramingChanges(t *testing.T) {
	ctx := limited(t)
	lines := zcnet.MustParseFraming("delimiter=\\n,strip=1,max=1K")
	exact, err := zcnet.NewFraming(func(data []byte) (int, error) { return 3, nil }, nil)
	check(t, err)
	wire := "\x00\x00\x00\x05first" + "line\nanother\n" + "abcdef" + "\x00\x00\x00\x04last"
	s := must[*zcnet.Stream](t)(zcnet.NewStream(readOnly{bytes.NewReader([]byte(wire))}, lengths, nil))
	var got []string
	for m := range s.Messages(ctx) {
		got = append(got, m.String())
		switch m.String() {
		case "first":
			check(t, s.SetFraming(lines))
		case "another":
			check(t, s.SetFraming(exact))
		}
		if m.String() == "abc" {
			break
		}
	}
	check(t, s.ReadErr())
	m := must[zcnet.Message](t)(s.Recv(ctx))
	got = append(got, m.String())
	check(t, s.SetFraming(lengths)) // behind one that is the program's
	check(t, m.Release())
	for m := range s.Messages(ctx) {
		got = append(got, m.String())
	}
	if want := []string{"first", "line", "another", "abc", "def", "last"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if err := s.SetFraming(nil); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	check(t, s.Close())
	for _, change := range []func(*zcnet.Framing) error{s.SetFraming, s.SetSendFraming} {
		if err := change(lines); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

func TestStreamSendFramingChanges(t *testing.T) {
	var written bytes.Buffer
	s := must[*zcnet.Stream](t)(zcnet.NewStream(&written, lengths, nil))
	check(t, s.SendCopy([]byte("one")))
	check(t, s.SetSendFraming(zcnet.MustParseFraming("delimiter=\\n,strip=1,max=1K")))
	check(t, s.SendCopy([]byte("two")))
	if err := s.SetSendFraming(nil); err != zcnet.ErrInvalid {
		t.Error(err)
	}
	check(t, s.Close())
	if written.String() != "\x00\x00\x00\x03onetwo\n" {
		t.Errorf("%q", written.String())
	}
}

// A message of a stream goes on over a connection of a loop, and the other way, without a copy of the program's.
func TestStreamsAndConnectionsMix(t *testing.T) {
	ctx := limited(t)
	near, far := streams(t, transports(t)["tls"], lengths)
	left, right := pair(t, background(t, nil), lengths, nil)
	go func() {
		for m := range far.Messages(ctx) {
			kept, err := m.Clone()
			if err != nil {
				t.Error(err)
				return
			}
			if err := left.SendMessage(ctx, kept); err != nil {
				t.Error(err)
			}
			kept.Release()
		}
	}()
	must[int](t)(near.Write([]byte("through")))
	m := must[zcnet.Message](t)(right.Recv(ctx))
	if m.String() != "through" {
		t.Errorf("%q", m.String())
	}
	go func() {
		if err := far.SendMessage(m); err != nil {
			t.Error(err)
		}
		if err := far.Flush(); err != nil {
			t.Error(err)
		}
	}()
	back := must[zcnet.Message](t)(near.Recv(ctx))
	if back.String() != "through" {
		t.Errorf("%q", back.String())
	}
	check(t, back.Release())
	check(t, m.Release())
}
