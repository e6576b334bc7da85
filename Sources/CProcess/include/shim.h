#pragma once

// The commit this binary was built from, with "-dirty" when the checkout had other changes;
// "unknown" when the sources were no checkout, "development" when make did not build it.
const char *process_commit(void);

// From now on a crash prints what happened and the stack of its thread to standard error, then ends
// the process as the signal would have. Call it once, before threads start.
void process_report_crashes(void);
