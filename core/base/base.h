/* base.h - the macros every file may use, and nothing else. */
#ifndef CORE_BASE_BASE_H
#define CORE_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (UINT32_C(1) << (n))
#define container_of(p, type, field)                                           \
	((type *)((char *)(p)-offsetof(type, field)))

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* The variable owns what it holds; fn releases it when scope ends. */
#define owned(fn) __attribute__((cleanup(fn)))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

static inline uint64_t
min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t
max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The time, handed to everything that decides: core/ reads no clock. */
struct now {
	uint64_t mono_ms; /* CLOCK_BOOTTIME; never goes back */
	int64_t wall_ns;  /* since 1970, UTC; may jump */
};

#endif
