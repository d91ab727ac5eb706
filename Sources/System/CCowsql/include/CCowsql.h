#ifndef GCKS_CCOWSQL_H
#define GCKS_CCOWSQL_H
#include <cowsql.h>
#endif
