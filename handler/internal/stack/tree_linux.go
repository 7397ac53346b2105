package stack

import "syscall"

// interruptedWithParent lets the system interrupt the process when this one ends without having stopped it. A Functions
// host that was killed instead would leave its handler behind.
func interruptedWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
