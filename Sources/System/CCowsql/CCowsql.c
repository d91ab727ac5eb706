#include "CCowsql.h"
