/* One member for each type of open file. */
#include <ferry/imgcore/file_entry.h>
#include <stddef.h>

const ProtobufCMessage *fy_file_entry_member(const FileEntry *entry)
{
    const void *const members[] = {
        [FD_TYPES__REG] = entry->reg,        [FD_TYPES__PIPE] = entry->pipe,   [FD_TYPES__FIFO] = entry->fifo,
        [FD_TYPES__INETSK] = entry->isk,     [FD_TYPES__UNIXSK] = entry->usk,  [FD_TYPES__EVENTFD] = entry->efd,
        [FD_TYPES__EVENTPOLL] = entry->epfd, [FD_TYPES__INOTIFY] = entry->ify, [FD_TYPES__SIGNALFD] = entry->sgfd,
        [FD_TYPES__PACKETSK] = entry->psk,   [FD_TYPES__TTY] = entry->tty,     [FD_TYPES__FANOTIFY] = entry->ffy,
        [FD_TYPES__NETLINKSK] = entry->nlsk, [FD_TYPES__NS] = entry->nsf,      [FD_TYPES__TUNF] = entry->tunf,
        [FD_TYPES__EXT] = entry->ext,        [FD_TYPES__TIMERFD] = entry->tfd, [FD_TYPES__MEMFD] = entry->memfd,
        [FD_TYPES__BPFMAP] = entry->bpf,     [FD_TYPES__PIDFD] = entry->pidfd,
    };
    size_t type = (size_t)entry->type;

    return type < sizeof(members) / sizeof(members[0]) ? members[type] : NULL;
}
