/** Names of profiles in a session's folder: `allocations-N.heapprofile`, `cpu-N.cpuprofile`. */
export const PROFILE_FILE = /^(?:(allocations)-(\d{1,6})\.heapprofile|(cpu)-(\d{1,6})\.cpuprofile)$/;
