-- Who was told of what. Times in Unix seconds.

-- One row a thing that can be well or not; those that are well stay, so that an older look cannot overrule a newer one.
CREATE TABLE alarms (
    key TEXT PRIMARY KEY,
    event TEXT NOT NULL,
    about TEXT NOT NULL,
    active INTEGER NOT NULL,
    level INTEGER NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    once INTEGER NOT NULL,
    since REAL NOT NULL,
    seen REAL NOT NULL
) STRICT;

-- What each channel has accepted of an alarm; goes when the alarm's end was told, or it begins anew.
CREATE TABLE alarm_told (
    alarm TEXT NOT NULL REFERENCES alarms (key) ON DELETE CASCADE,
    channel TEXT NOT NULL,
    level INTEGER NOT NULL DEFAULT 0,
    at REAL, -- NULL: not accepted yet
    claimed REAL, -- since when a process has been sending it
    PRIMARY KEY (alarm, channel)
) STRICT;

-- The last delivery of each channel.
CREATE TABLE deliveries (
    channel TEXT PRIMARY KEY,
    tried REAL NOT NULL,
    accepted INTEGER NOT NULL,
    answer TEXT NOT NULL,
    title TEXT NOT NULL,
    last_accepted REAL,
    failures INTEGER NOT NULL
) STRICT;
