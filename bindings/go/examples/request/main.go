// SPDX-License-Identifier: MIT

// Requests and answers with many in flight, matched by a number, each with a deadline of its own.
//
// The first eight bytes of a body are the number; a server answers with the same number, in any order. An echo server
// is such a server.
//
// Usage: request ADDRESS COUNT IN_FLIGHT [TIMEOUT]
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// client asks on one connection, for any number of goroutines.
type client struct {
	conn    *zcnet.Conn
	framing *zcnet.Framing
	last    atomic.Uint64

	mu      sync.Mutex
	waiting map[uint64]chan zcnet.Message
	err     error // the connection has ended
}

func newClient(conn *zcnet.Conn, framing *zcnet.Framing) *client {
	c := &client{conn: conn, framing: framing, waiting: map[uint64]chan zcnet.Message{}}
	go c.receive()
	return c
}

// receive hands each answer to who waits for it, until the connection ends.
func (c *client) receive() {
	for m := range c.conn.Messages(context.Background()) {
		if m.Len() < 8 {
			continue
		}
		c.mu.Lock()
		answer, known := c.waiting[binary.BigEndian.Uint64(m.Bytes())]
		c.mu.Unlock()
		if !known { // who asked does not wait any more
			continue
		}
		kept, err := m.Clone()
		if err != nil {
			continue // the deadline tells
		}
		select {
		case answer <- kept:
		default: // a second answer
			_ = kept.Release()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err = c.conn.ReadErr(); c.err == nil {
		c.err = zcnet.ErrEOF
	}
	for _, answer := range c.waiting {
		close(answer)
	}
	c.waiting = nil
}

// ask sends a question and waits for its answer, which the caller releases; the first eight bytes are the number.
func (c *client) ask(ctx context.Context, question []byte) (zcnet.Message, error) {
	number := c.last.Add(1)
	unit, err := zcnet.NewUnit(nil, c.framing, 8+len(question))
	if err != nil {
		return zcnet.Message{}, err
	}
	binary.BigEndian.PutUint64(unit.Bytes(), number)
	copy(unit.Bytes()[8:], question)

	answer := make(chan zcnet.Message, 1)
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		_ = unit.Release()
		return zcnet.Message{}, c.err
	}
	c.waiting[number] = answer
	c.mu.Unlock()
	defer c.forget(number, answer)

	if err := c.conn.Send(ctx, unit); err != nil {
		_ = unit.Release()
		return zcnet.Message{}, err
	}
	select {
	case m, ok := <-answer:
		if !ok {
			return zcnet.Message{}, c.err
		}
		return m, nil
	case <-ctx.Done():
		return zcnet.Message{}, ctx.Err()
	}
}

// forget takes a question back, and the answer that came too late to be of use.
func (c *client) forget(number uint64, answer chan zcnet.Message) {
	c.mu.Lock()
	delete(c.waiting, number)
	c.mu.Unlock()
	select {
	case m, ok := <-answer:
		if ok {
			_ = m.Release()
		}
	default:
	}
}

func main() {
	log.SetFlags(0)
	var total, inFlight int
	timeout := 30 * time.Second
	if len(os.Args) >= 4 {
		total, _ = strconv.Atoi(os.Args[2])
		inFlight, _ = strconv.Atoi(os.Args[3])
	}
	if len(os.Args) == 5 {
		timeout, _ = time.ParseDuration(os.Args[4])
	}
	if total <= 0 || inFlight <= 0 || timeout <= 0 {
		fmt.Fprintln(os.Stderr, "usage: request ADDRESS COUNT IN_FLIGHT [TIMEOUT]")
		os.Exit(2)
	}
	framing := zcnet.MustParseFraming("length,width=4,strip=4,max=1M")
	conn, err := zcnet.Dial(context.Background(), os.Args[1], framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	c := newClient(conn, framing)
	var answered, late, failed, next atomic.Int64
	var all sync.WaitGroup
	for range inFlight {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := next.Add(1); n <= int64(total); n = next.Add(1) {
				question := fmt.Sprintf("question %d", n)
				ctx, cancel := context.WithTimeout(context.Background(), timeout)
				answer, err := c.ask(ctx, []byte(question))
				cancel()
				switch {
				case errors.Is(err, context.DeadlineExceeded):
					late.Add(1)
				case err != nil:
					failed.Add(1)
				default:
					if string(answer.Bytes()[8:]) == question {
						answered.Add(1)
					} else {
						failed.Add(1)
					}
					_ = answer.Release()
				}
			}
		}()
	}
	all.Wait()
	_ = conn.Close()
	fmt.Printf("%d answered, %d late, %d failed\n", answered.Load(), late.Load(), failed.Load())
	if answered.Load() != int64(total) {
		os.Exit(1)
	}
}
