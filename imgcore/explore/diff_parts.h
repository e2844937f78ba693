/* The parts of a comparison, each filling its part of the result. */
#ifndef FERRY_EXPLORE_DIFF_PARTS_H
#define FERRY_EXPLORE_DIFF_PARTS_H

#include "diff_pages.h"
#include "vector.h"

/* diff_mappings.c: the rows for two tasks (NULL: it has none), without pages. */
typedef VECTOR(struct fy_diff_mapping) diff_mappings;
int fy_diff_mappings(const struct fy_diff_side *a, const struct fy_explore_task *task_a, const struct fy_diff_side *b,
                     const struct fy_explore_task *task_b, diff_mappings *rows, struct fy_error *err);
/* The areas of A's (of B's) mappings in these rows, which must not move any more. free() them. */
int fy_diff_areas(const diff_mappings *rows, bool of_b, struct page_area **areas, size_t *count, struct fy_error *err);

/* diff_descriptors.c */
typedef VECTOR(struct fy_diff_descriptor) diff_descriptors;
int fy_diff_descriptors(const struct fy_diff_side *a, const struct fy_explore_task *task_a,
                        const struct fy_diff_side *b, const struct fy_explore_task *task_b, diff_descriptors *rows,
                        struct fy_error *err);

/* diff_shared.c: all shared memory, compared. */
typedef VECTOR(struct fy_diff_shared) diff_shared;
int fy_diff_shared(const struct fy_diff_side *a, const struct fy_diff_side *b, diff_shared *rows, struct fy_error *err);

/* The memory, or NULL when the set has no such pagemap; "A" or "B" in front of errors. */
int fy_diff_open_memory(const struct fy_diff_side *side, char name, const struct fy_memory_id *id,
                        struct fy_memory **memory, struct fy_error *err);

#endif
