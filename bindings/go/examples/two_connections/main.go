// SPDX-License-Identifier: MIT

// Small messages on one connection and large ones on another, which is opened when the first large one is to be sent:
// so a small message never waits behind a large one, and whoever receives can give each its own limit.
//
// Usage: two_connections serve SMALL_ADDRESS LARGE_ADDRESS      answers each message with its size; prints both addresses
//
//	two_connections send SMALL_ADDRESS LARGE_ADDRESS SIZE…     sends a message of each size
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// Whole frames of up to 4 KiB are small: a longer one is refused there as soon as its header is read.
var (
	small = zcnet.MustParseFraming("length,width=4,strip=4,max=4K")
	large = zcnet.MustParseFraming("length,width=4,strip=4,max=64M")
)

func main() {
	log.SetFlags(0)
	switch {
	case len(os.Args) == 4 && os.Args[1] == "serve":
		serve(os.Args[2], os.Args[3])
	case len(os.Args) > 4 && os.Args[1] == "send":
		send(&link{addresses: [2]string{os.Args[2], os.Args[3]}}, os.Args[4:])
	default:
		fmt.Fprintln(os.Stderr, "usage: two_connections serve SMALL LARGE | send SMALL LARGE SIZE...")
		os.Exit(2)
	}
}

func serve(addresses ...string) {
	var listeners [2]*zcnet.Listener
	for i, framing := range []*zcnet.Framing{small, large} {
		listener, err := zcnet.Listen(addresses[i], framing, nil)
		check(err)
		listeners[i] = listener
	}
	for _, listener := range listeners {
		fmt.Println(listener.Addr())
		go func() {
			for {
				conn, err := listener.Accept(context.Background())
				check(err)
				go answer(conn)
			}
		}()
	}
	select {}
}

func answer(conn *zcnet.Conn) {
	ctx := context.Background()
	for m := range conn.Messages(ctx) {
		if conn.SendCopy(ctx, []byte(strconv.Itoa(m.Len()))) != nil {
			return
		}
	}
}

// link is what the rest of a program sees: one thing to send on.
type link struct {
	addresses [2]string
	conns     [2]*zcnet.Conn
	opened    int
}

// send sends a body on the connection that takes it, and waits for the answer.
func (l *link) send(ctx context.Context, body []byte) (string, error) {
	which, framing := 0, small
	if _, _, err := small.Overhead(len(body)); errors.Is(err, zcnet.ErrFrameTooLarge) {
		which, framing = 1, large
	}
	if l.conns[which] == nil {
		conn, err := zcnet.Dial(ctx, l.addresses[which], framing, nil)
		if err != nil {
			return "", err
		}
		l.conns[which] = conn
		l.opened++
	}
	unit, err := zcnet.NewUnit(nil, framing, len(body))
	if err != nil {
		return "", err
	}
	copy(unit.Bytes(), body)
	if err := l.conns[which].Send(ctx, unit); err != nil {
		_ = unit.Release()
		return "", err
	}
	m, err := l.conns[which].Recv(ctx)
	if err != nil {
		return "", err
	}
	defer m.Release()
	return m.String(), nil
}

func send(l *link, sizes []string) {
	for _, text := range sizes {
		size, err := strconv.Atoi(text)
		check(err)
		answer, err := l.send(context.Background(), make([]byte, size))
		check(err)
		if answer != text {
			log.Fatalf("%s bytes arrived as %s", text, answer)
		}
		fmt.Printf("%s bytes, %d connections\n", answer, l.opened)
	}
	for _, conn := range l.conns {
		if conn != nil {
			_ = conn.Close()
			<-conn.Done()
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
