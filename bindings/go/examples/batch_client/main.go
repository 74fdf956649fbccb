// SPDX-License-Identifier: MIT

// Sends many small messages to an echo server, a batch at a time, and checks the answers.
//
// Usage: batch_client ADDRESS COUNT
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

const most = 256

func main() {
	log.SetFlags(0)
	var total int
	if len(os.Args) == 3 {
		total, _ = strconv.Atoi(os.Args[2])
	}
	if total <= 0 {
		fmt.Fprintln(os.Stderr, "usage: batch_client ADDRESS COUNT")
		os.Exit(2)
	}
	framing := zcnet.MustParseFraming("length,width=4,strip=4,max=1M")
	loop, err := zcnet.NewLoop(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer loop.Close()
	conn, err := loop.Connect(os.Args[1], framing, nil)
	if err != nil {
		log.Fatal(err)
	}

	var batch zcnet.UnitBatch
	defer batch.Release()
	made, answers, wrong := 0, 0, 0
	// send queues units until all are sent or the connection has no more room. Body n is the number n.
	send := func() error {
		for batch.Len() > 0 || made < total {
			if batch.Len() == 0 {
				if err := batch.Refill(nil, framing, min(most, total-made), 8); err != nil {
					return err
				}
				for i := range batch.Len() {
					binary.LittleEndian.PutUint64(batch.Bytes(i), uint64(made+i))
				}
				made += batch.Len()
			}
			if err := conn.TrySendBatch(&batch); err != nil {
				return err // those behind are still in the batch
			}
		}
		return nil
	}
	for event := range loop.Events(context.Background()) {
		switch event.Type() {
		case zcnet.EventConnected, zcnet.EventWritable:
			if err := send(); err != nil && err != zcnet.ErrWouldBlock {
				log.Fatal(err)
			}
		case zcnet.EventMessage:
			if b := event.Bytes(); len(b) != 8 || binary.LittleEndian.Uint64(b) != uint64(answers) {
				wrong++
			}
			if answers++; answers == total {
				_ = conn.Close()
			}
		case zcnet.EventClosed:
			if err := event.Err(); err != nil {
				log.Print(err)
			}
			_ = loop.Close()
		}
	}
	if !errors.Is(loop.Err(), zcnet.ErrClosed) {
		log.Fatal(loop.Err())
	}
	stats := conn.Stats()
	fmt.Printf("%d answers, %d wrong, %d writes, %d reads, %d bytes copied\n", answers, wrong, stats.WriteCalls,
		stats.ReadCalls, stats.CopiedBytes)
	if answers != total || wrong != 0 {
		os.Exit(1)
	}
}
