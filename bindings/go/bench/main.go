// SPDX-License-Identifier: MIT

// Measures the Go package against the C library's own programs and against other packages for Go, and prints a table
// of ratios with their goals.
//
//	go run . [-build DIR] [-rounds N] [-messages N] [-only receive,forward]
//
// Each contender is a process of its own; rounds are interleaved, and medians are compared. Every receiver gets the
// same bytes from the same sender, finds the messages, and looks at the first and last byte of each.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	zcnet "github.com/libzcnet/libzcnet/bindings/go"
)

// report is what a receiver prints when its connection has ended. The C tool's own has the same names.
type report struct {
	Messages int64   `json:"messages"`
	Seconds  float64 `json:"seconds"`
	Mallocs  uint64  `json:"mallocs"` // during the run
}

type result struct {
	rate    float64 // messages a second
	cpu     float64 // nanoseconds of CPU a message
	mallocs float64 // a message
}

var (
	build    = flag.String("build", "../../../build", "build folder of the C library, with its tool and examples")
	rounds   = flag.Int("rounds", 5, "rounds of each contender, after one to warm up")
	messages = flag.Int64("messages", 20_000_000, "messages of one run of receiving; forwarding has a fortieth")
	only     = flag.String("only", "receive,forward", "which tables")
)

func main() {
	log.SetFlags(0)
	// The same program is every contender in Go.
	if len(os.Args) > 1 && contenders[os.Args[1]] != nil {
		contenders[os.Args[1]](os.Args[2:])
		return
	}
	flag.Parse()
	fmt.Printf("%s, %d cores, libzcnet %s (%s), %s\n", runtime.Version(), runtime.NumCPU(), zcnet.Version(),
		zcnet.LinkMode(), time.Now().Format(time.DateOnly))
	missed := 0
	if strings.Contains(*only, "receive") {
		missed += receiveTable()
	}
	if strings.Contains(*only, "forward") {
		missed += forwardTable()
	}
	if missed > 0 {
		fmt.Printf("%d goals missed\n", missed)
	}
}

func self() string {
	path, err := os.Executable()
	check(err)
	return path
}

func tool(name string) string {
	path, err := filepath.Abs(filepath.Join(*build, name))
	check(err)
	if _, err := os.Stat(path); err != nil {
		log.Fatalf("%v: build the C library first, with ZCNET_TESTS=ON, and name its folder with -build", err)
	}
	return path
}

// child is a process that prints its address first.
type child struct {
	cmd     *exec.Cmd
	out     *bufio.Reader
	address string
}

func start(program string, args ...string) *child {
	c := &child{cmd: exec.Command(program, args...)}
	c.cmd.Stderr = os.Stderr
	pipe, err := c.cmd.StdoutPipe()
	check(err)
	check(c.cmd.Start())
	c.out = bufio.NewReader(pipe)
	line, err := c.out.ReadString('\n')
	if err != nil {
		log.Fatalf("%s %v: no address: %v", program, args, err)
	}
	c.address = strings.TrimSpace(line)
	if strings.HasPrefix(line, "{") { // the C tool
		var listening struct {
			Listening string `json:"listening"`
		}
		check(json.Unmarshal([]byte(line), &listening))
		c.address = listening.Listening
	}
	c.address = strings.TrimPrefix(c.address, "tcp://")
	return c
}

// finish waits for the report, which is the last line.
func (c *child) finish() result {
	var last string
	for {
		line, err := c.out.ReadString('\n')
		if err != nil {
			break
		}
		last = line
	}
	check(c.cmd.Wait())
	var r report
	check(json.Unmarshal([]byte(last), &r))
	if r.Messages == 0 || r.Seconds == 0 {
		log.Fatalf("%v: %s", c.cmd.Args, last)
	}
	cpu := c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()
	return result{rate: float64(r.Messages) / r.Seconds, cpu: float64(cpu.Nanoseconds()) / float64(r.Messages),
		mallocs: float64(r.Mallocs) / float64(r.Messages)}
}

// send runs the sender to its end.
func send(address string, count int64, size int) {
	cmd := exec.Command(self(), "send", address, fmt.Sprint(count), fmt.Sprint(size))
	cmd.Stderr = os.Stderr
	check(cmd.Run())
}

func median(results []result, of func(result) float64) float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func rateOf(r result) float64    { return r.rate }
func cpuOf(r result) float64     { return r.cpu }
func mallocsOf(r result) float64 { return r.mallocs }

// goal compares two contenders by a figure, round by round; with 0 wanted it only says what there is.
func goal(what string, results map[string][]result, over, under string, of func(result) float64, wanted float64) (missed int) {
	var ratios []float64
	for i := range results[over] {
		ratios = append(ratios, of(results[over][i])/of(results[under][i]))
	}
	slices.Sort(ratios)
	middle, verdict := ratios[len(ratios)/2], ""
	if wanted > 0 {
		verdict = fmt.Sprintf("  wanted >= %-5g met", wanted)
	}
	if middle < wanted {
		verdict, missed = fmt.Sprintf("  wanted >= %-5g MISSED", wanted), 1
	}
	fmt.Printf("  %-52s %6.2f [%.2f-%.2f]%s\n", what, middle, ratios[0], ratios[len(ratios)-1], verdict)
	return missed
}

const smallSize = 64

func receiveTable() (missed int) {
	names := []string{"C tool", "events", "messages", "recv", "bufio", "bufio 64K", "netpoll", "gnet"}
	run := func(name string) result {
		var c *child
		if name == "C tool" {
			c = start(tool("zcnet"), "recv", "tcp://127.0.0.1:0", "--framing", "length,strip=4,max=1M", "--once", "--stats", "--json")
		} else {
			c = start(self(), strings.ReplaceAll(name, " ", "-"))
		}
		send(c.address, *messages, smallSize)
		return c.finish()
	}
	results := interleave(names, run)
	fmt.Printf("\nreceive %d B, tcp          M messages/s   ns CPU/message   allocations/message\n", smallSize)
	for _, name := range names {
		r := results[name]
		allocations := fmt.Sprintf("%19.4f", median(r, mallocsOf))
		if name == "C tool" {
			allocations = fmt.Sprintf("%19s", "-")
		}
		fmt.Printf("  %-22s %12.2f   %14.1f   %s\n", name, median(r, rateOf)/1e6, median(r, cpuOf), allocations)
	}
	missed += goal("events / the C tool's own receive", results, "events", "C tool", rateOf, 0.6)
	missed += goal("messages / the C tool's own receive", results, "messages", "C tool", rateOf, 0)
	missed += goal("events / bufio", results, "events", "bufio", rateOf, 3)
	missed += goal("events / bufio with 64 KiB", results, "events", "bufio 64K", rateOf, 0)
	missed += goal("events / netpoll", results, "events", "netpoll", rateOf, 1.5)
	missed += goal("events / gnet", results, "events", "gnet", rateOf, 1.5)
	for _, name := range []string{"events", "messages", "recv"} {
		if a := median(results[name], mallocsOf); a > 0.01 {
			fmt.Printf("  %s allocates %g times a message: MISSED\n", name, a)
			missed++
		}
	}
	return missed
}

const largeSize = 4096

// forwardTable puts the example of each language between the same sender and the same receiver.
func forwardTable() (missed int) {
	goProxy := filepath.Join(must(os.MkdirTemp("", "zcnet-bench")), "proxy")
	defer os.RemoveAll(filepath.Dir(goProxy))
	out, err := exec.Command("go", "build", "-o", goProxy, "github.com/libzcnet/libzcnet/bindings/go/examples/forward_proxy").CombinedOutput()
	if err != nil {
		log.Fatalf("%v: %s", err, out)
	}
	names := []string{"C example", "Go example", "nothing between"}
	count := *messages / 40
	run := func(name string) result {
		sink := start(self(), "bufio-64K")
		if name == "nothing between" {
			send(sink.address, count, largeSize)
			return sink.finish()
		}
		program := goProxy
		if name == "C example" {
			program = tool("bindings/c/forward_proxy")
		}
		proxy := start(program, "tcp://127.0.0.1:0", "tcp://"+sink.address)
		send(proxy.address, count, largeSize)
		r := sink.finish()
		check(proxy.cmd.Process.Kill())
		_ = proxy.cmd.Wait()
		cpu := proxy.cmd.ProcessState.UserTime() + proxy.cmd.ProcessState.SystemTime()
		r.cpu = float64(cpu.Nanoseconds()) / float64(count)
		return r
	}
	results := interleave(names, run)
	fmt.Printf("\nforward %d B, tcp        M messages/s   ns CPU/message (of the proxy)\n", largeSize)
	for _, name := range names {
		r := results[name]
		fmt.Printf("  %-22s %12.3f   %14.1f\n", name, median(r, rateOf)/1e6, median(r, cpuOf))
	}
	missed += goal("Go example / C example, messages a second", results, "Go example", "C example", rateOf, 0.85)
	goal("Go example / C example, messages by CPU time", results, "Go example", "C example",
		func(r result) float64 { return 1 / r.cpu }, 0)
	return missed
}

func interleave(names []string, run func(name string) result) map[string][]result {
	results := map[string][]result{}
	for round := -1; round < *rounds; round++ {
		for _, name := range names {
			if r := run(name); round >= 0 {
				results[name] = append(results[name], r)
			}
		}
	}
	return results
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
