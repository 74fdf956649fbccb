// SPDX-License-Identifier: MIT

// Sends files, each as one message, and the answer to each is its number of bytes and their CRC-32. The kernel sends
// the bytes from where the file stands.
//
// Usage: file_sender serve ADDRESS          receives
//
//	file_sender send ADDRESS FILE…     sends
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"os"
	"path/filepath"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

func main() {
	log.SetFlags(0)
	framing := zcnet.MustParseFraming("length,width=8,strip=8,max=4G")
	switch {
	case len(os.Args) == 3 && os.Args[1] == "serve":
		serve(os.Args[2], framing)
	case len(os.Args) > 3 && os.Args[1] == "send":
		send(os.Args[2], framing, os.Args[3:])
	default:
		fmt.Fprintln(os.Stderr, "usage: file_sender serve ADDRESS | send ADDRESS FILE...")
		os.Exit(2)
	}
}

func serve(address string, framing *zcnet.Framing) {
	listener, err := zcnet.Listen(address, framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	ctx := context.Background()
	for {
		conn, err := listener.Accept(ctx)
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			for m := range conn.Messages(ctx) {
				answer := binary.BigEndian.AppendUint64(nil, uint64(m.Len()))
				answer = binary.BigEndian.AppendUint32(answer, crc32.ChecksumIEEE(m.Bytes()))
				if conn.SendCopy(ctx, answer) != nil {
					return
				}
			}
		}()
	}
}

func send(address string, framing *zcnet.Framing, names []string) {
	ctx := context.Background()
	conn, err := zcnet.Dial(ctx, address, framing, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range names {
		sum, err := sendFile(ctx, conn, name)
		if err != nil {
			log.Fatal(err)
		}
		answer, err := conn.Recv(ctx)
		if err != nil {
			log.Fatal(err)
		}
		size, came := binary.BigEndian.Uint64(answer.Bytes()), binary.BigEndian.Uint32(answer.Bytes()[8:])
		if came != sum {
			log.Fatalf("%s was damaged on its way", name)
		}
		fmt.Printf("%s: %d bytes\n", filepath.Base(name), size)
		_ = answer.Release()
	}
	_ = conn.Close()
	<-conn.Done()
}

// sendFile queues the file, and says what its bytes sum up to.
func sendFile(ctx context.Context, conn *zcnet.Conn, name string) (sum uint32, err error) {
	mine, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer mine.Close()
	hash := crc32.NewIEEE()
	if _, err := io.Copy(hash, mine); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	file, err := zcnet.NewFile(mine, nil)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	defer file.Close() // the unit has it
	unit, err := zcnet.NewEmptyUnit(nil)
	if err != nil {
		return 0, err
	}
	if err = unit.AppendFile(file, 0, file.Size()); err == nil {
		err = conn.Send(ctx, unit)
	}
	if err != nil {
		_ = unit.Release()
	}
	return hash.Sum32(), err
}
