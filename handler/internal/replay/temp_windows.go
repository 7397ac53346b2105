package replay

import (
	"errors"
	"os"
)

// hideTemp does nothing: Windows does not unlink a file that is open.
func hideTemp(*os.File) error { return nil }

func closeTemp(file *os.File) error {
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
