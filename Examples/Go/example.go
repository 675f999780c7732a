// go run example.go

package main

// #cgo LDFLAGS: -lportpicker
// #include <portpicker.h>
import "C"

import (
	"errors"
	"fmt"
	"log"
	"net"
)

// unusedPort picks a port, which this process has until it ends.
func unusedPort() (int, error) {
	var port C.int
	var message [C.PP_MESSAGE_SIZE]C.char
	if C.pp_pick(nil, &port, &message[0], C.PP_MESSAGE_SIZE) < 0 {
		return 0, errors.New(C.GoString(&message[0]))
	}
	return int(port), nil
}

func main() {
	port, err := unusedPort()
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", listener.Addr())
}
