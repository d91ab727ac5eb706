#ifndef GCKS_CSYSTEMD_H
#define GCKS_CSYSTEMD_H
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#endif
