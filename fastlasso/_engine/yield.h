/* Let another thread run that waits for this processor. */
#ifndef FASTLASSO_YIELD_H
#define FASTLASSO_YIELD_H

#if defined(_WIN32)
__declspec(dllimport) int __stdcall SwitchToThread(void);
#define FL_YIELD() ((void)SwitchToThread())
#else
#include <sched.h>
#define FL_YIELD() ((void)sched_yield())
#endif
#endif
