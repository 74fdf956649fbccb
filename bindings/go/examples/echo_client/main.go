// SPDX-License-Identifier: MIT

// Sends each word as a message to an echo server and prints the answers, each with its size.
//
// Usage: echo_client ADDRESS WORD…
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: echo_client ADDRESS WORD...")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	framing := zcnet.MustParseFraming("length,width=4,strip=4,max=1M")
	conn, err := zcnet.Dial(ctx, os.Args[1], framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, word := range os.Args[2:] {
		// Memory of the library: the word is written where it will be sent from.
		unit, err := zcnet.NewUnit(nil, framing, len(word))
		if err != nil {
			log.Fatal(err)
		}
		copy(unit.Bytes(), word)
		if err := conn.Send(ctx, unit); err != nil {
			log.Fatal(err)
		}
	}
	answers := len(os.Args) - 2
	for m := range conn.Messages(ctx) {
		fmt.Printf("%d %s\n", m.Len(), m.Bytes())
		if answers--; answers == 0 {
			break
		}
	}
	if answers > 0 {
		log.Fatalf("%d answers are missing: %v", answers, conn.ReadErr())
	}
	if err := conn.Close(); err != nil {
		log.Fatal(err)
	}
	<-conn.Done() // what is queued is sent
}
