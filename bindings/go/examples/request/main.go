// SPDX-License-Identifier: MIT

// Requests and answers with many in flight, each with a deadline of its own.
//
// The first eight bytes of a body are an id, which the library gives and finds again; a server answers with the same id,
// in any order. An echo server is such a server.
//
// Usage: request ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS]
package main

import (
	"context"
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

const idWidth = 8

func main() {
	log.SetFlags(0)
	var total, inFlight int
	timeout := 30 * time.Second
	if len(os.Args) >= 4 {
		total, _ = strconv.Atoi(os.Args[2])
		inFlight, _ = strconv.Atoi(os.Args[3])
	}
	if len(os.Args) == 5 {
		ms, _ := strconv.Atoi(os.Args[4])
		timeout = time.Duration(ms) * time.Millisecond
	}
	if total <= 0 || inFlight <= 0 || timeout <= 0 {
		fmt.Fprintln(os.Stderr, "usage: request ADDRESS COUNT IN_FLIGHT [TIMEOUT_MS]")
		os.Exit(2)
	}
	framing := zcnet.MustParseFraming("length,width=4,strip=4,max=1M")
	conn, err := zcnet.Dial(context.Background(), os.Args[1], framing, &zcnet.ConnOptions{IDs: zcnet.IDs{Width: idWidth}})
	if err != nil {
		log.Fatal(err)
	}
	var answered, late, failed, next atomic.Int64
	var all sync.WaitGroup
	for range inFlight {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := next.Add(1); n <= int64(total); n = next.Add(1) {
				question := fmt.Sprintf("question %d", n)
				ctx, cancel := context.WithTimeout(context.Background(), timeout)
				answer, err := conn.Request(ctx, append(make([]byte, idWidth), question...))
				cancel()
				switch {
				case errors.Is(err, context.DeadlineExceeded):
					late.Add(1)
				case err != nil:
					failed.Add(1)
				default:
					if string(answer.Bytes()[idWidth:]) == question {
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
