// Package flags has the kinds of value that both programs' flags take, and how a bad one is told: one line,
// exit status 2.
package flags

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// Arg is a channel or server argument of gRPC's C core, as a setting holds it.
type Arg struct {
	Key   string
	Value string
}

// Int returns the argument's value, or an error that says that it is no integer.
func (a Arg) Int() (int64, error) {
	value, err := strconv.ParseInt(a.Value, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a 32-bit integer", a.Value)
	}
	return value, nil
}

// Args is a repeatable KEY=VALUE flag.
type Args []Arg

func (a *Args) String() string { return "" }

// Set takes one KEY=VALUE.
func (a *Args) Set(text string) error {
	key, value, found := strings.Cut(text, "=")
	if !found || key == "" {
		return errors.New("not KEY=VALUE")
	}
	*a = append(*a, Arg{key, value})
	return nil
}

// Positive is a finite number greater than zero.
type Positive float64

func (p *Positive) String() string { return number(float64(*p)) }

// Set reads the number.
func (p *Positive) Set(text string) error {
	value, err := finite(text)
	if err == nil && value <= 0 {
		err = errors.New("not greater than 0")
	}
	*p = Positive(value)
	return err
}

// NotNegative is a finite number of at least zero.
type NotNegative float64

func (n *NotNegative) String() string { return number(float64(*n)) }

// Set reads the number.
func (n *NotNegative) Set(text string) error {
	value, err := finite(text)
	if err == nil && value < 0 {
		err = errors.New("less than 0")
	}
	*n = NotNegative(value)
	return err
}

// Count is a whole number from 1 to 100000.
type Count int

func (c *Count) String() string { return strconv.Itoa(int(*c)) }

// Set reads the number.
func (c *Count) Set(text string) error {
	value, err := strconv.Atoi(text)
	if err != nil {
		return errors.New("not a whole number")
	}
	if value < 1 || value > 100_000 {
		return errors.New("not from 1 to 100000")
	}
	*c = Count(value)
	return nil
}

// Address is IP:PORT or [IP6]:PORT.
type Address string

func (a *Address) String() string { return string(*a) }

// Set checks the address.
func (a *Address) Set(text string) error {
	if _, err := netip.ParseAddrPort(text); err != nil {
		return errors.New("not IP:PORT")
	}
	*a = Address(text)
	return nil
}

// Object is the text of a JSON object.
type Object string

func (o *Object) String() string { return string(*o) }

// Set checks that it is an object.
func (o *Object) Set(text string) error {
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return fmt.Errorf("not a JSON object: %w", err)
	}
	*o = Object(text)
	return nil
}

// Parse reads the command line; a bad one ends the program.
func Parse(set *flag.FlagSet, arguments []string) {
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	err := set.Parse(arguments)
	switch {
	case errors.Is(err, flag.ErrHelp):
		set.SetOutput(os.Stdout)
		set.PrintDefaults()
		os.Exit(0)
	case err != nil:
		Fail(set.Name(), 2, err.Error())
	case set.NArg() > 0:
		Fail(set.Name(), 2, "unrecognized argument: "+set.Arg(0))
	}
}

// Fail ends the program with one line on standard error.
func Fail(program string, status int, message string) {
	fmt.Fprintf(os.Stderr, "%s: error: %s\n", program, strings.Join(strings.Fields(message), " "))
	os.Exit(status)
}

// Seconds makes a duration of a number of seconds.
func Seconds(value float64) time.Duration {
	return time.Duration(value * float64(time.Second))
}

func finite(text string) (float64, error) {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
		return 0, errors.New("not a finite number")
	}
	return value, nil
}

func number(value float64) string { return strconv.FormatFloat(value, 'g', -1, 64) }
