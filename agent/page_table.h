/* Pages that the peer has in this job, by content: where in its files each is. Bounded: what was seen longest ago makes
 * room. Shared by the threads that pack.
 *
 * Contents are told apart by 128-bit hashes with a secret start, so that no workload can make two of its pages look
 * the same; the block in which a page is put together again has a hash of its own besides. */
#ifndef FERRY_AGENT_PAGE_TABLE_H
#define FERRY_AGENT_PAGE_TABLE_H

#include "block.h"

struct fy_page_table;

/* NULL when there is no memory for it, or no secret to be had. */
struct fy_page_table *fy_page_table_new(void);
void fy_page_table_free(struct fy_page_table *table);

/* For `count` pages of 4096 bytes at `pages`, all within the chunk `number`, which lie at `places`: for each that the
 * peer keeps already `found[i]` becomes true and `places[i]` where; the others are noted for later. */
void fy_page_table_look(struct fy_page_table *table, uint32_t number, const uint8_t *const *pages,
                        struct fy_block_ref *places, bool *found, size_t count);
/* The peer keeps all chunks with a lower number. */
void fy_page_table_kept(struct fy_page_table *table, uint32_t chunks);

#endif
