"""Revenue accounts (歳入科目): what the codes that events carry mean, from which day on."""
