package billing

import (
	"errors"
	"strconv"
)

// maxKeys bounds how many keys one request goes through.
const maxKeys = 4

// UnderKey makes a call that takes no money, under a key that follows from what it is about. When
// Stripe only repeats that an earlier request under the key failed, UnderKey makes the call again
// under the next key: key-2, key-3, key-4. The call must do no harm when it is carried out twice.
func UnderKey(key string, call func(key string) error) error {
	err := call(key)
	for n := 2; n <= maxKeys && finished(err); n++ {
		err = call(key + "-" + strconv.Itoa(n))
	}
	return err
}

func finished(err error) bool {
	var ge *GatewayError
	return errors.As(err, &ge) && ge.Finished()
}
