"""Files that are dropped into a folder of this machine, as by an SFTP server: taken, or refused with a note beside."""
