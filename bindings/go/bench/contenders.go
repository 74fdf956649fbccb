// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/cloudwego/netpoll"
	zcnet "github.com/libzcnet/libzcnet/bindings/go"
	"github.com/panjf2000/gnet/v2"
)

var contenders = map[string]func(args []string){
	"send":      sender,
	"events":    byEvents,
	"messages":  byMessages,
	"recv":      byRecv,
	"bufio":     func([]string) { byBufio(0) },
	"bufio-64K": func([]string) { byBufio(64 << 10) },
	"netpoll":   byNetpoll,
	"gnet":      byGnet,
}

// meter counts from the first connection to its end.
type meter struct {
	messages int64
	sum      int // of the bytes that were looked at
	begun    time.Time
	before   runtime.MemStats
}

func (m *meter) start() {
	runtime.ReadMemStats(&m.before)
	m.begun = time.Now()
}

func (m *meter) message(body []byte) {
	m.sum += int(body[0]) + int(body[len(body)-1])
	m.messages++
}

func (m *meter) stop() {
	seconds := time.Since(m.begun).Seconds()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if want := m.messages * 2 * 'x'; int64(m.sum) != want {
		fmt.Fprintf(os.Stderr, "the sum is %d, not %d\n", m.sum, want)
		os.Exit(1)
	}
	check(json.NewEncoder(os.Stdout).Encode(report{Messages: m.messages, Seconds: seconds,
		Mallocs: after.Mallocs - m.before.Mallocs}))
}

// sender writes messages that were made beforehand, as fast as the socket takes them.
func sender(args []string) {
	count := must(strconv.ParseInt(args[1], 10, 64))
	size := must(strconv.Atoi(args[2]))
	each := max(1, 256<<10/(4+size))
	var buffer []byte
	for range each {
		buffer = binary.BigEndian.AppendUint32(buffer, uint32(size))
		for range size {
			buffer = append(buffer, 'x')
		}
	}
	conn := must(net.Dial("tcp", args[0]))
	for ; count > 0; count -= int64(each) {
		must(conn.Write(buffer[:min(count, int64(each))*int64(4+size)]))
	}
	check(conn.Close())
}

var framing = zcnet.MustParseFraming("length,width=4,strip=4,max=1M")

func byEvents([]string) {
	var m meter
	loop := must(zcnet.NewLoop(nil))
	listener := must(loop.Listen("tcp://127.0.0.1:0", framing, nil))
	fmt.Println(listener.Addr())
	for event := range loop.Events(context.Background()) {
		switch event.Type() {
		case zcnet.EventAccepted:
			m.start()
		case zcnet.EventMessage:
			m.message(event.Bytes())
		case zcnet.EventClosed:
			m.stop()
			return
		}
	}
}

// accept is for those with a loop in the background.
func accept() *zcnet.Conn {
	listener := must(zcnet.Listen("tcp://127.0.0.1:0", framing, nil))
	fmt.Println(listener.Addr())
	return must(listener.Accept(context.Background()))
}

func byMessages([]string) {
	var m meter
	conn := accept()
	m.start()
	for message := range conn.Messages(context.Background()) {
		m.message(message.Bytes())
	}
	check(conn.ReadErr())
	m.stop()
}

func byRecv([]string) {
	var m meter
	conn := accept()
	m.start()
	for {
		message, err := conn.Recv(context.Background())
		if err == io.EOF {
			break
		}
		check(err)
		m.message(message.Bytes())
		check(message.Release())
	}
	m.stop()
}

// byBufio is what most programs have: the header, then the body into a buffer that is used again.
func byBufio(size int) {
	var m meter
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr())
	conn := must(listener.Accept())
	m.start()
	reader := bufio.NewReader(conn)
	if size != 0 {
		reader = bufio.NewReaderSize(conn, size)
	}
	var header [4]byte
	var body []byte
	for {
		if _, err := io.ReadFull(reader, header[:]); err == io.EOF {
			break
		} else {
			check(err)
		}
		n := int(binary.BigEndian.Uint32(header[:]))
		if n > cap(body) {
			body = make([]byte, n)
		}
		body = body[:n]
		must(io.ReadFull(reader, body))
		m.message(body)
	}
	m.stop()
}

func byNetpoll([]string) {
	var m meter
	listener := must(netpoll.CreateListener("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr())
	ended := make(chan struct{})
	loop := must(netpoll.NewEventLoop(
		func(_ context.Context, conn netpoll.Connection) error {
			reader := conn.Reader()
			for reader.Len() >= 4 {
				header := must(reader.Peek(4))
				n := int(binary.BigEndian.Uint32(header))
				if reader.Len() < 4+n {
					break
				}
				check(reader.Skip(4))
				m.message(must(reader.Next(n)))
			}
			return reader.Release()
		},
		netpoll.WithOnConnect(func(ctx context.Context, conn netpoll.Connection) context.Context {
			m.start()
			check(conn.AddCloseCallback(func(netpoll.Connection) error {
				close(ended)
				return nil
			}))
			return ctx
		})))
	go func() { check(loop.Serve(listener)) }()
	<-ended
	m.stop()
}

type gnetServer struct {
	gnet.BuiltinEventEngine
	m     meter
	ended chan struct{}
}

func (s *gnetServer) OnOpen(gnet.Conn) ([]byte, gnet.Action) {
	s.m.start()
	return nil, gnet.None
}

func (s *gnetServer) OnTraffic(conn gnet.Conn) gnet.Action {
	for conn.InboundBuffered() >= 4 {
		n := int(binary.BigEndian.Uint32(must(conn.Peek(4))))
		if conn.InboundBuffered() < 4+n {
			break
		}
		frame := must(conn.Next(4 + n))
		s.m.message(frame[4:])
	}
	return gnet.None
}

func (s *gnetServer) OnClose(gnet.Conn, error) gnet.Action {
	close(s.ended)
	return gnet.None
}

func byGnet([]string) {
	// Its engine does not tell the port that it took for 0: one is looked for first.
	probe := must(net.Listen("tcp", "127.0.0.1:0"))
	address := probe.Addr().String()
	check(probe.Close())
	server := &gnetServer{ended: make(chan struct{})}
	go func() { check(gnet.Run(server, "tcp://"+address, gnet.WithLogger(quiet{}))) }()
	for { // until it listens
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			check(conn.Close())
			break
		}
	}
	<-server.ended
	server.m, server.ended = meter{}, make(chan struct{})
	fmt.Println(address)
	<-server.ended
	server.m.stop()
}

// quiet keeps standard output for the address and the report.
type quiet struct{}

func (quiet) Debugf(string, ...any)             {}
func (quiet) Infof(string, ...any)              {}
func (quiet) Warnf(string, ...any)              {}
func (quiet) Errorf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
func (quiet) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
