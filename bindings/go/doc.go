// SPDX-License-Identifier: MIT

// Package zcnet is libzcnet for Go: framed messages over TCP and Unix sockets that are shown where the kernel wrote
// them, and leave from the memory where they were written.
//
// A server, with a goroutine a connection:
//
//	framing := zcnet.MustParseFraming("length,width=4,strip=4,max=1M")
//	listener, err := zcnet.Listen("tcp://127.0.0.1:7000", framing, nil)
//	if err != nil {
//		log.Fatal(err)
//	}
//	for {
//		conn, err := listener.Accept(ctx)
//		if err != nil {
//			log.Fatal(err)
//		}
//		go func() {
//			for m := range conn.Messages(ctx) {
//				conn.SendMessage(ctx, m) // the frame as it stands: no copy
//			}
//		}()
//	}
//
// The same on one goroutine, from the events of a loop, is about three times as fast for small messages; see
// [Loop.Events].
//
// # Lifetimes
//
// The bytes of a [Message] lie in memory of the library, which Go's garbage collector does not know: a slice from
// [Message.Bytes] keeps nothing alive. A message of [Conn.Recv] or [Message.Clone] is the program's until
// [Message.Release]. One that is shown, by an [Event] or by [Conn.Messages], is valid for its turn, costs nothing, and
// needs no release. After its end a message is found to be stale; with the build tag zcnet_debug, using it panics at
// that place, and leaks are told with the place where they were made. What is never released is counted by [Leaks],
// and not freed behind the program's back: some slice of it may still be in use.
//
// # Sending
//
// There are three ways to a body, the best one first. [NewUnit] (or [NewUnitBatch], or [Conn.Reserve]) gives memory of
// the library to write into. [Unit.AppendPinned] sends Go memory from where it is, pinned until the library is done
// with it. [Conn.SendCopy] copies. A received message goes on whole with [Conn.SendMessage] or [Conn.Forward], or as
// a part of another with [Unit.AppendMessage]. Files leave by [Unit.AppendFile]; with [ConnOptions].HeaderFrom large messages
// go into files as they arrive, by [Conn.ReceiveFile].
//
// # Loops and goroutines
//
// A [Loop] of [StartLoop] works in the background, and any goroutine may use its connections; the package has one of
// its own for [Dial], [Listen] and [Adopt]. A loop that waits holds no thread: its descriptor lies with the runtime's
// network poller. A loop whose [Loop.Events] the program takes has no goroutine but the program's. Methods of
// connections may be called by any goroutine in both cases; who waits for something must not be who drives the loop.
// [Conn.Move] hands a connection to another loop.
//
// # Linking
//
// By default the package is linked to the shared library that pkg-config finds as libzcnet. The build tag zcnet_static
// links the archive (libzcnet-static), also into fully static programs; zcnet_vendored builds the library's sources
// along with the package, which needs a C++20 compiler and no installed library.
package zcnet
