#ifndef GCKS_CCOWSQL_H
#define GCKS_CCOWSQL_H
#include <cowsql.h>
#include <sys/types.h>

// Starts a program whose standard input is a pipe. The other end comes back as `lifeline`: the child reads the end of its input
// when this process dies. The child inherits standard output and error and nothing else, and no blocked signals.
// Returns 0 or an errno. (pipe2 and posix_spawn's closefrom are GNU extensions, which do not reach Swift.)
int gcks_spawn_with_lifeline(const char *path, char *const arguments[], pid_t *pid, int *lifeline);

// Waits until the child ended, without reaping it: its number stays taken. Returns 0 or an errno.
int gcks_wait_without_reaping(pid_t pid);
#endif
