#ifndef GCKS_CSYSTEMD_H
#define GCKS_CSYSTEMD_H
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

// prctl is variadic and does not reach Swift: no core dump, no ptrace by others of the same user.
void gcks_forbid_dumps(void);
#endif
