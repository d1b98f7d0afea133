"""The torture table: every type, odd values of it, and what arrives in each target.

tests/program_lib/torture/torture.py says how to read a line, tests/program_lib/torture/test_torture.py tries each cell.
"""

# values as PostgreSQL's own literals take them
POSTGRESQL = r"""
smallint | smallint | smallint(6) | INTEGER
  -32768 | =
  32767  | =
integer       | integer | int(11) | INTEGER
  -2147483648 | =
  2147483647  | =
  0           | =
bigint                 | bigint | bigint(20) | INTEGER
  -9223372036854775808 | =
  9223372036854775807  | =
  9007199254740993     | =
oid          | oid | bigint(20) | INTEGER
  4294967295 | =
numeric(10,2)  | numeric(10,2)                    | decimal(10,2) | DECIMAL(10,2)
  19.99        | =
  -99999999.99 | =
  0.30         | =                                | =             | 0.3           | =
  NaN          | !is not a number in plain digits
numeric(15,2)      | numeric(15,2) | decimal(15,2) | DECIMAL(15,2)
  1234567890123.45 | =
  0.07             | =
numeric(16,2)       | numeric(16,2) | decimal(16,2) | DECIMAL_TEXT(16,2)
  12345678901234.56 | =             | =             | '='                | =
numeric(18,0)        | numeric(18,0) | decimal(18,0) | DECIMAL(18,0)
  999999999999999999 | =
numeric(20,0)          | numeric(20,0) | decimal(20,0) | DECIMAL_TEXT(20,0)
  18446744073709551615 | =             | =             | '='                | =
numeric(38,18)                            | numeric(38,18) | decimal(38,18) | DECIMAL_TEXT(38,18)
  12345678901234567890.123456789012345678 | =              | =              | '='                 | =
  -0.000000000000000001                   | =              | =              | '='                 | =
numeric(38,0)                            | numeric(38,0) | decimal(38,0) | DECIMAL_TEXT(38,0)
  99999999999999999999999999999999999999 | =             | =             | '='                | =
numeric(38,35)                            | numeric(38,35) | decimal(65,30)                               | DECIMAL_TEXT(38,35)
  123.12345678901234567890123456789012345 | =              | !does not fit into the column t0, which is decimal(65,30) | '='                 | =
numeric(50,10)                               | numeric(50,10) | decimal(65,30)                               | NUMERIC
  1234567890123456789012345678901234567890.0123456789 | =              | !does not fit into the column t0, which is decimal(65,30) | !is not held exactly by SQLite's numbers | =
numeric(3,5) | numeric(3,5) | decimal(5,5) | DECIMAL(5,5)
  0.00999    | =
numeric(3,-2) | numeric(3,-2) | decimal(5,0) | DECIMAL(5,0)
  99900       | =
numeric                                      | numeric | decimal(65,30)                               | NUMERIC
  10.50                                      | =       | 10.5{0×29}                                   | 10.5                                     | =
  0.0000001                                  | =       | 0.0000001{0×23}                              | 1.0e-07                                  | =
  -12345678901234567890123456789.1           | =       | -12345678901234567890123456789.1{0×29}       | !is not held exactly by SQLite's numbers | =
  1234567890123456789012345678901234567890123456789012345678901234567890.5 | =       | !does not fit into the column t0, which is decimal(65,30) | !is not held exactly by SQLite's numbers | =
  0.1234567890123456789012345678901          | =       | !does not fit into the column t0, which is decimal(65,30) | !is not held exactly by SQLite's numbers | =
  NaN                                        | =       | !does not fit into the column t0, which is decimal(65,30) | !is not held exactly by SQLite's numbers | =
  Infinity                                   | =       | !does not fit into the column t0, which is decimal(65,30) | !is not held exactly by SQLite's numbers | =
real            | real          | float                                        | DOUBLE
  0.1           | =             | 0.10000000149011612                          | =                                            | =
  3.4028235e+38 | =             | 3.4028234663852886e38                        | =                                            | 34028235{0×31}
  1.1754944e-38 | =             | 1.1754943508222875e-38                       | =                                            | 0.{0×37}11754944
  1e-45         | =             | 1.401298464324817e-45                        | 1.0e-45                                      | 0.{0×44}1
  16777216      | 1.6777216e+07 | =                                            | 16777216.0                                   | =
  -0            | =             | 0                                            | 0.0                                          | =
  NaN           | =             | !does not fit into the column t0, which is float | !NaN is no number that SQLite has: it would become NULL | =
  -Infinity     | =             | !does not fit into the column t0, which is float | -Inf                                         | =
double precision          | double precision | double                                       | DOUBLE
  0.1                     | =
  1e-300                  | =                | =                                            | 1.0e-300                                     | 0.{0×299}1
  5e-324                  | =                | =                                            | 4.94065645841247e-324                        | 0.{0×323}5
  1.7976931348623157e+308 | =                | 1.7976931348623157e308                       | 1.79769313486231562234e+308                  | 17976931348623157{0×292}
  0.30000000000000004     | =                | =                                            | 3.00000000000000044408e-01                   | =
  1e+16                   | =                | 1e16                                         | 1.0e+16                                      | 10000000000000000
  -0                      | =                | 0                                            | 0.0                                          | =
  NaN                     | =                | !does not fit into the column t0, which is double | !NaN is no number that SQLite has: it would become NULL | =
  Infinity                | =                | !does not fit into the column t0, which is double | Inf                                          | =
  -Infinity               | =                | !does not fit into the column t0, which is double | -Inf                                         | =
boolean | boolean | tinyint(1) | BOOLEAN
  true  | =       | 1          | 1       | =
  false | =       | 0          | 0       | =
text    | text | longtext | TEXT
  ∅     | =    | =        | ''     | ""
  ␠     | =    | =        | ' '    | =
  a␊b   | =    | =        | '='    | "="
  a␍b   | =    | =        | '='    | "="
  x"y   | =    | =        | '='    | "="
  it's  | =    | =        | '='    | =
  a,b   | =    | =        | '='    | "="
  \N    | =    | =        | '='    | =
  \.    | =    | =        | '='    | =
  ∅NULL | =    | =        | 'NULL' | =
  null  | =    | =        | '='    | =
  é😀    | =    | =        | '='    | =
  a␉b   | =    | =        | '='    | =
  true  | =    | =        | '='    | =
  007   | =    | =        | '='    | =
  1e5   | =    | =        | '='    | =
  =1+1  | =    | =        | '='    | =
varchar(3) | character varying(3) | varchar(3) | VARCHAR(3)
  ∅        | =                    | =          | ''         | ""
  abc      | =                    | =          | '='        | =
  é😀x      | =                    | =          | '='        | =
  a␠␠      | a ␠                  | a ␠        | 'a  '      | a ␠
varchar | character varying | longtext | TEXT
  abc   | =                 | =        | '='  | =
char(5) | character(5) | char(5) | CHAR(5)
  ab    | =            | =       | '='     | =
  abcde | =            | =       | '='     | =
  ∅     | =            | =       | ''      | ""
  é     | =            | =       | '='     | =
name  | name | longtext | TEXT
  abc | =    | =        | '='  | =
bytea          | bytea | longblob      | BLOB
  \x           | =     | x''           | X''           | =
  \x00ff       | =     | x'00FF'       | X'00FF'       | =
  \x5c22270a2c | =     | x'5C22270A2C' | X'5C22270A2C' | =
date            | date           | date | DATE
  0001-01-01    | =              | =    | '='  | =
  9999-12-31    | =              | =    | '='  | =
  2024-02-29    | =              | =    | '='  | =
  1582-10-10    | =              | =    | '='  | =
  infinity      | !is not a date
  -infinity     | !is not a date
  0044-03-15 BC | !is not a date
  10000-01-01   | !is not a date
time              | time without time zone | time(6)         | TIME
  00:00:00        | =                      | 00:00:00.000000 | '00:00:00.000000' | =
  23:59:59.999999 | =                      | =               | '='               | =
  01:02:03.5      | =                      | 01:02:03.500000 | '01:02:03.500000' | =
  24:00:00        | !is no time of a day
time(3)        | time(3) without time zone | time(6)         | TIME
  01:02:03.456 | =                         | 01:02:03.456000 | '01:02:03.456000' | =
timetz                  | time with time zone | longtext | TEXT
  12:00:00+05           | =                   | =        | '='  | =
  00:00:00.000001-11:30 | =                   | =        | '='  | =
timestamp                    | timestamp without time zone | datetime(6)                | DATETIME
  0001-01-01 00:00:00        | =                           | 0001-01-01 00:00:00.000000 | '0001-01-01 00:00:00.000000' | =
  9999-12-31 23:59:59.999999 | =                           | =                          | '='                          | =
  2026-07-01 12:00:00.5      | =                           | 2026-07-01 12:00:00.500000 | '2026-07-01 12:00:00.500000' | =
  infinity                   | !is not a timestamp
  0001-01-01 00:00:00 BC     | !is not a timestamp
  10000-01-01 00:00:00       | !is not a timestamp
timestamp(0)          | timestamp(0) without time zone | datetime(6)                | DATETIME
  2026-07-01 12:00:00 | =                              | 2026-07-01 12:00:00.000000 | '2026-07-01 12:00:00.000000' | =
timestamptz                     | timestamp with time zone          | timestamp(6)               | TIMESTAMPTZ
  2026-10-25 00:30:00.123456+00 | =                                 | 2026-10-25 00:30:00.123456 | '2026-10-25 00:30:00.123456+00:00' | =
  2026-10-25 01:30:00.123456+00 | =                                 | 2026-10-25 01:30:00.123456 | '2026-10-25 01:30:00.123456+00:00' | =
  2026-03-29 01:30:00+00        | =                                 | 2026-03-29 01:30:00.000000 | '2026-03-29 01:30:00.000000+00:00' | =
  1900-01-01 00:00:00+00        | =                                 | !Incorrect datetime value  | '1900-01-01 00:00:00.000000+00:00' | =
  0001-01-01 00:00:00+00        | =                                 | !Incorrect datetime value  | '0001-01-01 00:00:00.000000+00:00' | =
  9999-12-31 23:59:59.999999+00 | =                                 | !Incorrect datetime value  | '9999-12-31 23:59:59.999999+00:00' | =
  2040-01-01 00:00:00+00        | =                                 | !Incorrect datetime value  | '2040-01-01 00:00:00.000000+00:00' | =
  infinity                      | !is not a timestamp with its zone
  -infinity                     | !is not a timestamp with its zone
interval                   | interval | longtext | DURATION_TEXT
  1 mon                    | =        | =        | '='           | =
  30 days                  | =        | =        | '='           | =
  -1 days +02:03:04.000005 | =        | =        | '='           | =
  178000000 years          | =        | =        | '='           | =
  00:00:00                 | =        | =        | '='           | =
uuid                                   | uuid | char(36) | UUID
  00000000-0000-0000-0000-000000000000 | =    | =        | '='  | =
  ffffffff-ffff-4fff-bfff-ffffffffffff | =    | =        | '='  | =
json                             | json | json | JSON_TEXT
  {"b": 1,  "a": [1.0, null]}    | =    | =    | '='       | "="
  "1"                            | =    | =    | '='       | "="
  null                           | =    | =    | '='       | =
  12345678901234567890.123456789 | =    | =    | '='       | =
  {"a": 1, "a": 2}               | =    | =    | '='       | "="
jsonb                            | jsonb | json | JSON_TEXT
  {"a": null}                    | =     | =    | '='       | "="
  [1, 2, 3]                      | =     | =    | '='       | "="
  "1"                            | =     | =    | '='       | "="
  "true"                         | =     | =    | '='       | "="
  null                           | =     | =    | '='       | =
  true                           | =     | =    | '='       | =
  12345678901234567890.123456789 | =     | =    | '='       | =
  1                              | =     | =    | '='       | =
  1.0                            | =     | =    | '='       | =
  "é😀"                           | =     | =    | '='       | "="
xml                | xml | longtext | TEXT
  <a>x &amp; y</a> | =   | =        | '='  | =
money        | money | longtext | TEXT
  -$1,234.56 | =     | =        | '='  | "="
inet          | inet           | longtext | TEXT
  10.0.0.0/8  | =              | =        | '='  | =
  ::1         | ::1/128        | =        | '='  | =
  192.168.0.1 | 192.168.0.1/32 | =        | '='  | =
cidr         | cidr | longtext | TEXT
  10.0.0.0/8 | =    | =        | '='  | =
macaddr             | macaddr | longtext | TEXT
  08:00:2b:01:02:03 | =       | =        | '='  | =
bit(3) | bit(3) | longtext | TEXT
  101  | =      | =        | '='  | =
varbit  | bit varying | longtext | TEXT
  10110 | =           | =        | '='  | =
integer[]       | integer[] | longtext | TEXT
  {}            | =         | =        | '='  | =
  {7}           | =         | =        | '='  | =
  {1,NULL,3}    | =         | =        | '='  | "="
  {{1,2},{3,4}} | =         | =        | '='  | "="
text[]                          | text[] | longtext | TEXT
  {"a,b","NULL",NULL,"x\"y",""} | =      | =        | '='  | "="
numeric(10,2)[] | numeric(10,2)[] | longtext | TEXT
  {19.99}       | =               | =        | '='  | =
int4range | int4range | longtext | TEXT
  [1,5)   | =         | =        | '='  | "="
  empty   | =         | =        | '='  | =
tstzrange                     | tstzrange | longtext | TEXT
  ["2026-01-01 00:00:00+00",) | =         | =        | '='  | "="
point     | point | longtext | TEXT
  (1.5,2) | =     | =        | '='  | "="
tsvector      | tsvector | longtext | TEXT
  'a':1 'b':2 | =        | =        | '='  | =
mood       | mood | longtext | TEXT
  sad      | =    | =        | '='  | =
  it's, ok | =    | =        | '='  | "="
pair        | pair | longtext | TEXT
  (1,"a,b") | =    | =        | '='  | "="
short_text | character varying(3) | varchar(3) | VARCHAR(3)
  abc      | =                    | =          | '='        | =
price   | numeric(10,2) | decimal(10,2) | DECIMAL(10,2)
  19.99 | =
"""

# values as texts, but for x'…', b'…' and point(…)
MARIADB = r"""
tinyint(1) | smallint | tinyint(1) | INTEGER
  0        | =
  1        | =
  -128     | =
  127      | =
tinyint(3) unsigned | smallint | tinyint(3) unsigned | INTEGER
  255               | =
smallint(6) | smallint | smallint(6) | INTEGER
  -32768    | =
  32767     | =
smallint(5) unsigned | integer | smallint(5) unsigned | INTEGER
  65535              | =
mediumint(9) | integer | mediumint(9) | INTEGER
  -8388608   | =
  8388607    | =
int(11)       | integer | int(11) | INTEGER
  -2147483648 | =
  2147483647  | =
int(10) unsigned | bigint | int(10) unsigned | INTEGER
  0              | =
  4294967295     | =
int(5) unsigned zerofill | bigint | int(5) unsigned zerofill | INTEGER
  42                     | =      | 00042                    | =       | =
bigint(20)             | bigint | bigint(20) | INTEGER
  -9223372036854775808 | =
  9223372036854775807  | =
  9007199254740993     | =
bigint(20) unsigned    | numeric(20,0) | bigint(20) unsigned | DECIMAL_TEXT(20,0)
  0                    | =             | =                   | '='                | =
  18446744073709551615 | =             | =                   | '='                | =
bit(1) | smallint | bit(1) | INTEGER
  b'0' | 0
  b'1' | 1
bit(8)        | smallint | bit(8) | INTEGER
  b'10100000' | 160
bit(64)                                      | numeric(20,0)        | bit(64)              | DECIMAL_TEXT(20,0)
  b'1111111111111111111111111111111111111111111111111111111111111111' | 18446744073709551615 | 18446744073709551615 | '18446744073709551615' | 18446744073709551615
decimal(10,2)  | numeric(10,2) | decimal(10,2) | DECIMAL(10,2)
  19.99        | =
  -99999999.99 | =
decimal(15,2) unsigned | numeric(15,2) | decimal(15,2) unsigned | DECIMAL(15,2)
  1234567890123.45     | =
decimal(38,18)                            | numeric(38,18) | decimal(38,18) | DECIMAL_TEXT(38,18)
  12345678901234567890.123456789012345678 | =              | =              | '='                 | =
decimal(65,30)                               | numeric    | decimal(65,30) | NUMERIC
  11111111111111111111111111111111111.777777777777777777777777777777 | =          | =              | !is not held exactly by SQLite's numbers | =
  -0.000000000000000000000000000001          | -0.{0×29}1 | -0.{0×29}1     | -1.0e-30                                 | -0.{0×29}1
decimal(65,0)                                | numeric | decimal(65,0) | NUMERIC
  99999999999999999999999999999999999999999999999999999999999999999 | =       | =             | !is not held exactly by SQLite's numbers | =
float          | real          | float                 | DOUBLE
  0.1          | =             | 0.10000000149011612   | 1.00000001490116119384e-01 | =
  0.123456789  | 0.12345679    | 0.12345679104328156   | 1.23456791043281555175e-01 | 0.12345679
  3.4028234e38 | 3.4028235e+38 | 3.4028234663852886e38 | 3.40282346638528859772e+38 | 34028235{0×31}
  16777216     | 1.6777216e+07 | =                     | 16777216.0                 | =
float(10,2) | real | float(10,2) | DOUBLE
  1.25      | =
  0.1       | =    | 0.10000000149011612  | 1.00000001490116119384e-01 | =
  -999.99   | =    | -999.989990234375    | -999.989990234375          | =
double                   | double precision        | double | DOUBLE
  0.1                    | =
  1.7976931348623157e308 | 1.7976931348623157e+308 | =      | 1.79769313486231562234e+308 | 17976931348623157{0×292}
  5e-324                 | =                       | =      | 4.94065645841247e-324       | 0.{0×323}5
  1e-300                 | =                       | =      | 1.0e-300                    | 0.{0×299}1
  -0e0                   | 0                       | 0      | 0.0                         | 0
  0.30000000000000004    | =                       | =      | 3.00000000000000044408e-01  | =
char(5) | character(5) | char(5) | CHAR(5)
  ab    | =            | =       | '='     | =
  abcde | =            | =       | '='     | =
  ∅     | =            | =       | ''      | ""
  é😀    | =            | =       | '='     | =
varchar(3) | character varying(3) | varchar(3) | VARCHAR(3)
  ∅        | =                    | =          | ''         | ""
  a␠␠      | a ␠                  | a ␠        | 'a  '      | a ␠
  é😀x      | =                    | =          | '='        | =
varchar(2000) | character varying(2000) | varchar(2000) | VARCHAR(2000)
  abc         | =                       | =             | '='           | =
tinytext | text | tinytext | TEXT
  x      | =    | =        | '='  | =
text         | text                                         | text | TEXT
  ∅          | =                                            | =    | ''                  | ""
  ␠          | =                                            | =    | ' '                 | =
  a␊b        | =                                            | =    | '='                 | "="
  it's       | =                                            | =    | '='                 | =
  back\slash | =                                            | =    | '='                 | =
  "q"        | =                                            | =    | '='                 | "="
  ∅NULL      | =                                            | =    | 'NULL'              | =
  %s         | =                                            | =    | '='                 | =
  é😀         | =                                            | =    | '='                 | =
  007        | =                                            | =    | '='                 | =
  ␀nul       | !invalid byte sequence for encoding "UTF8": 0x00 | =    | X'006E756C' AS TEXT | =
longtext | text | longtext | TEXT
  x      | =    | =        | '='  | =
json                          | json | json | JSON_TEXT
  {"b": 1,  "a": [1.0, null]} | =    | =    | '='       | "="
  "1"                         | =    | =    | '='       | "="
  null                        | =    | =    | '='       | =
  12345678901234567890.123    | =    | =    | '='       | =
enum('sad','it''s, ok') | text | enum('sad','it''s, ok')                      | TEXT
  sad                   | =    | =                                            | '='  | =
  it's, ok              | =    | =                                            | '='  | "="
  ∅                     | =    | !does not fit into the column t0, which is enum('sad','it''s, ok') | ''   | ""
set('x','y') | text | set('x','y') | TEXT
  ∅          | =    | =            | ''   | ""
  x          | =    | =            | '='  | =
  x,y        | =    | =            | '='  | "="
binary(4)     | bytea      | binary(4) | BLOB
  x'01000000' | \x01000000 | =         | X'01000000' | \x01000000
  x'00270A5C' | \x00270a5c | =         | X'00270A5C' | \x00270a5c
varbinary(5) | bytea  | varbinary(5) | BLOB
  x''        | \x     | =            | X''     | \x
  x'00FF'    | \x00ff | =            | X'00FF' | \x00ff
blob          | bytea      | blob | BLOB
  x'00'       | \x00       | =    | X'00'       | \x00
  x'275C0A22' | \x275c0a22 | =    | X'275C0A22' | \x275c0a22
date         | date                                         | date | DATE
  0001-01-01 | =                                            | =    | '='  | =
  9999-12-31 | =                                            | =    | '='  | =
  2024-02-29 | =                                            | =    | '='  | =
  0000-00-00 | !is no date that exists, of the years 1 to 9999
  2026-00-00 | !is no date that exists, of the years 1 to 9999
  0000-01-01 | !is no date that exists, of the years 1 to 9999
time        | time without time zone | time | TIME
  00:00:00  | =                      | =    | '00:00:00.000000' | =
  23:59:59  | =                      | =    | '23:59:59.000000' | =
  -01:30:00 | !is not a time
  838:59:59 | !is not a time
  24:00:00  | !is no time of a day
time(6)           | time without time zone | time(6) | TIME
  01:02:03.456789 | =                      | =       | '='  | =
datetime              | timestamp without time zone                  | datetime | DATETIME
  2026-07-01 12:00:00 | =                                            | =        | '2026-07-01 12:00:00.000000' | =
  0001-01-01 00:00:00 | =                                            | =        | '0001-01-01 00:00:00.000000' | =
  0000-00-00 00:00:00 | !is no date that exists, of the years 1 to 9999
datetime(6)                  | timestamp without time zone | datetime(6)                | DATETIME
  9999-12-31 23:59:59.999999 | =                           | =                          | '='                          | =
  2026-07-01 12:00:00.5      | =                           | 2026-07-01 12:00:00.500000 | '2026-07-01 12:00:00.500000' | =
timestamp             | timestamp with time zone                     | timestamp | TIMESTAMPTZ
  1970-01-01 00:00:01 | 1970-01-01 00:00:01+00                       | =         | '1970-01-01 00:00:01.000000+00:00' | 1970-01-01 00:00:01+00
  2038-01-18 03:14:07 | 2038-01-18 03:14:07+00                       | =         | '2038-01-18 03:14:07.000000+00:00' | 2038-01-18 03:14:07+00
  0000-00-00 00:00:00 | !is no date that exists, of the years 1 to 9999
timestamp(6)                 | timestamp with time zone      | timestamp(6) | TIMESTAMPTZ
  2026-10-25 00:30:00.123456 | 2026-10-25 00:30:00.123456+00 | =            | '2026-10-25 00:30:00.123456+00:00' | 2026-10-25 00:30:00.123456+00
  2026-10-25 01:30:00.123456 | 2026-10-25 01:30:00.123456+00 | =            | '2026-10-25 01:30:00.123456+00:00' | 2026-10-25 01:30:00.123456+00
year(4) | smallint | year(4) | INTEGER
  0000  | 0        | =       | 0       | 0
  1901  | =
  2155  | =
  1970  | =
uuid                                   | uuid | uuid | UUID
  123e4567-e89b-12d3-a456-426614174000 | =    | =    | '='  | =
inet6 | text | inet6 | TEXT
  ::1 | =    | =     | '='  | =
inet4       | text | inet4 | TEXT
  127.0.0.1 | =    | =     | '='  | =
point           | bytea                                        | point                                        | BLOB
  point(1.5, 2) | \x000000000101000000000000000000f83f0000000000000040 | x'000000000101000000000000000000F83F0000000000000040' | X'000000000101000000000000000000F83F0000000000000040' | \x000000000101000000000000000000f83f0000000000000040
"""

# values as SQL: their storage classes matter
SQLITE = r'''
INTEGER                | bigint                                       | bigint(20) | INTEGER
  -9223372036854775808 | =
  9223372036854775807  | =
  1.5                  | !the REAL 1.5 stands in a column of type integer
  9.3e18               | !the REAL 9.3e+18 stands in a column of type integer
  'n/a'                | !the TEXT 'n/a' stands in a column of type integer
  '∅'                  | !the TEXT '' stands in a column of type integer
  x'01'                | !the BLOB x'01' stands in a column of type integer
BIGINT UNSIGNED        | bigint                                       | bigint(20) | INTEGER
  18446744073709551615 | !the REAL 1.8446744073709552e+19 stands in a column of type integer
REAL     | double precision                             | double                                       | DOUBLE
  0.1    | =
  1      | =                                            | =                                            | 1.0      | =
  1e-300 | =                                            | =                                            | 1.0e-300 | 0.{0×299}1
  9e999  | Infinity                                     | !does not fit into the column t0, which is double | Inf      | Infinity
  -9e999 | -Infinity                                    | !does not fit into the column t0, which is double | -Inf     | -Infinity
  'n/a'  | !the TEXT 'n/a' stands in a column of type double
  x'01'  | !the BLOB x'01' stands in a column of type double
DOUBLE             | double precision      | double               | DOUBLE
  9007199254740993 | 9.007199254740992e+15 | 9.007199254740992e15 | 9.00719925474099199994e+15 | 9007199254740992
NUMERIC                            | numeric                                      | decimal(65,30)              | NUMERIC
  1                                | =                                            | 1.{0×30}                    | =                          | =
  1.5                              | =                                            | 1.5{0×29}                   | =                          | =
  0.1                              | =                                            | 0.1{0×29}                   | =                          | =
  1e-7                             | 0.0000001                                    | 0.0000001{0×23}             | 1.0e-07                    | 0.0000001
  12345678901234567890             | 12345678901234567000                         | 12345678901234567000.{0×30} | 1.23456789012345671677e+19 | 12345678901234567000
  '12345678901234567890.123456789' | 12345678901234567000                         | 12345678901234567000.{0×30} | 1.23456789012345671677e+19 | 12345678901234567000
  'n/a'                            | !is not a number in plain digits
  x'01'                            | !the BLOB x'01' stands in a column of type numeric
  9e999                            | !is not a number in plain digits
DECIMAL(10,2) | numeric(10,2)                                | decimal(10,2) | DECIMAL(10,2)
  19.99       | =
  20          | 20.00                                        | 20.00         | =             | 20.00
  '19.99'     | 19.99
  19.999      | !has more digits than decimal(10,2) can hold
  'n/a'       | !is not a number in plain digits
  99999999.99 | =
  100000000   | !has more digits than decimal(10,2) can hold
DECIMAL(30,10)           | numeric(30,10)                  | decimal(30,10)                  | DECIMAL_TEXT(30,10)
  12345678901234567890.5 | 12345678901234567000.0000000000 | 12345678901234567000.0000000000 | '12345678901234567000.0000000000' | 12345678901234567000.0000000000
  1.5                    | 1.5000000000                    | 1.5000000000                    | '1.5000000000'                    | 1.5000000000
NUMERIC_TEXT                       | numeric                          | decimal(65,30)                       | NUMERIC
  '0.10'                           | 0.10                             | 0.1{0×29}                            | 0.1                                      | 0.10
  '12345678901234567890.123456789' | 12345678901234567890.123456789   | 12345678901234567890.123456789{0×21} | !is not held exactly by SQLite's numbers | 12345678901234567890.123456789
  1.5                              | =                                | 1.5{0×29}                            | =                                        | =
  '1e5'                            | !is not a number in plain digits
DECIMAL_TEXT(38,18)                         | numeric(38,18)                          | decimal(38,18)                          | DECIMAL_TEXT(38,18)
  '12345678901234567890.123456789012345678' | 12345678901234567890.123456789012345678 | 12345678901234567890.123456789012345678 | =                   | 12345678901234567890.123456789012345678
TEXT                  | text                                         | longtext | TEXT
  '∅'                 | ∅                                            | ∅        | ''                | ""
  'it''s'             | it's                                         | it's     | =                 | it's
  '007'               | 007                                          | 007      | =                 | 007
  'a␊b'               | a␊b                                          | a␊b      | =                 | "a␊b"
  'é😀'                | é😀                                           | é😀       | =                 | é😀
  1                   | =                                            | =        | '='               | =
  1.50                | 1.5                                          | 1.5      | '1.5'             | 1.5
  x'00ff'             | !the BLOB x'00ff' stands in a column of type text
  'NULL'              | ∅NULL                                        | ∅NULL    | =                 | ∅NULL
  ' '                 | ␠                                            | ␠        | =                 | ␠
  CAST(x'ff' AS TEXT) | !the text '\\xff' is not UTF-8
  'a'||char(0)||'b'   | !invalid byte sequence for encoding "UTF8": 0x00 | a␀b      | X'610062' AS TEXT | a␀b
VARCHAR(3) | character varying(3)                         | varchar(3)                                   | VARCHAR(3)
  'abc'    | abc                                          | abc                                          | =          | abc
  'abcd'   | !does not fit into the column t0, which is character varying(3) | !does not fit into the column t0, which is varchar(3) | =          | abcd
CHAR(3) | character varying(3) | varchar(3) | VARCHAR(3)
  'ab␠' | ab␠                  | ab␠        | 'ab '      | ab␠
CLOB    | text | longtext | TEXT
  'abc' | abc  | abc      | =    | abc
BLOB      | bytea                                        | longblob | BLOB
  x''     | \x                                           | =        | X''     | \x
  x'00FF' | \x00ff                                       | =        | X'00FF' | \x00ff
  'text'  | !the TEXT 'text' stands in a column of type bytes
  1       | !the INTEGER 1 stands in a column of type bytes
BOOLEAN  | boolean                                      | tinyint(1) | BOOLEAN
  0      | false                                        | =          | =       | false
  1      | true                                         | =          | =       | true
  2      | !2 stands in a column of type boolean: 0 is false, 1 is true
  'true' | !the TEXT 'true' stands in a column of type boolean
  'x'    | !the TEXT 'x' stands in a column of type boolean
DATE                    | date                                         | date       | DATE
  '2026-07-31'          | 2026-07-31                                   | 2026-07-31 | =    | 2026-07-31
  '0001-01-01'          | 0001-01-01                                   | 0001-01-01 | =    | 0001-01-01
  '9999-12-31'          | 9999-12-31                                   | 9999-12-31 | =    | 9999-12-31
  '2026-02-30'          | !is no date that exists, of the years 1 to 9999
  '2026-07-31 00:00:00' | !is not a date
  20260731              | !the INTEGER 20260731 stands in a column of type date
  2460000.5             | !the REAL 2460000.5 stands in a column of type date
TIME             | time without time zone | time(6)         | TIME
  '12:34:56.789' | 12:34:56.789           | 12:34:56.789000 | '12:34:56.789000' | 12:34:56.789
  '25:00:00'     | !is no time of a day
  '12:34'        | 12:34:00               | 12:34:00.000000 | '12:34:00.000000' | 12:34:00
DATETIME                          | timestamp without time zone                  | datetime(6)                | DATETIME
  '2026-07-31 12:00:00'           | 2026-07-31 12:00:00                          | 2026-07-31 12:00:00.000000 | '2026-07-31 12:00:00.000000' | 2026-07-31 12:00:00
  '2026-07-31T12:00:00'           | 2026-07-31 12:00:00                          | 2026-07-31 12:00:00.000000 | '2026-07-31 12:00:00.000000' | 2026-07-31 12:00:00
  '2026-07-31 12:00:00.123456789' | !is not a timestamp
  '2026-07-31 12:00:00Z'          | !is not a timestamp
  '2026-07-31'                    | 2026-07-31 00:00:00                          | 2026-07-31 00:00:00.000000 | '2026-07-31 00:00:00.000000' | 2026-07-31 00:00:00
  1785499200                      | !the INTEGER 1785499200 stands in a column of type timestamp
  'now'                           | !is not a timestamp
TIMESTAMPTZ                   | timestamp with time zone          | timestamp(6)               | TIMESTAMPTZ
  '2026-07-31 12:00:00+02:00' | 2026-07-31 10:00:00+00            | 2026-07-31 10:00:00.000000 | '2026-07-31 10:00:00.000000+00:00' | 2026-07-31 10:00:00+00
  '2026-07-31 12:00:00Z'      | 2026-07-31 12:00:00+00            | 2026-07-31 12:00:00.000000 | '2026-07-31 12:00:00.000000+00:00' | 2026-07-31 12:00:00+00
  '2026-07-31 12:00:00'       | !is not a timestamp with its zone
UUID                                     | uuid                                         | char(36)                             | UUID
  '123E4567-E89B-12D3-A456-426614174000' | 123e4567-e89b-12d3-a456-426614174000         | 123e4567-e89b-12d3-a456-426614174000 | '123e4567-e89b-12d3-a456-426614174000' | 123e4567-e89b-12d3-a456-426614174000
  'n/a'                                  | !is not a UUID
  7                                      | !the INTEGER 7 stands in a column of type uuid
JSON                         | json                                | json                 | JSON_TEXT
  '{"a":  1}'                | {"a":  1}                           | {"a":  1}            | =                      | "{""a"":  1}"
  '1'                        | 1                                   | 1                    | =                      | 1
  '1.0'                      | 1                                   | 1                    | '1'                    | 1
  '"1"'                      | "1"                                 | "1"                  | =                      | """1"""
  'null'                     | null                                | null                 | =                      | null
  1                          | =                                   | =                    | '='                    | =
  '12345678901234567890.123' | 12345678901234567000                | 12345678901234567000 | '12345678901234567000' | 12345678901234567000
  'n/a'                      | !invalid input syntax for type json | !CONSTRAINT          | =                      | n/a
JSON_TEXT | json | json | JSON_TEXT
  '1.0'   | 1.0  | 1.0  | =         | 1.0
INTERVAL  | interval | longtext | DURATION_TEXT
  '1 mon' | 1 mon    | 1 mon    | =             | 1 mon
(none) of integers | bigint | bigint(20) | INTEGER
  1                | =      | =          | 1       | =
(none) of texts | text | longtext | TEXT
  'one'         | one  | one      | =    | one
(none) of reals | double precision | double | DOUBLE
  1.5           | =                | =      | 1.5    | =
(none) of blobs | bytea | longblob | BLOB
  x'01'         | \x01  | =        | X'01' | \x01
WHATEVER | text | longtext | TEXT
  'a'    | a    | a        | =    | a
ANYTHING | bigint | bigint(20) | INTEGER
  1      | =      | =          | 1       | =
'''

# values as they stand in the file
CSV = r"""
text       | text | longtext | TEXT
  a        | =    | =        | '='    | =
  ""       | ∅    | ∅        | ''     | =
  "a,b"    | a,b  | a,b      | 'a,b'  | =
  "x""y"   | x"y  | x"y      | 'x"y'  | =
  "a␊b"    | a␊b  | a␊b      | 'a␊b'  | =
  "a␍b"    | a␍b  | a␍b      | 'a␍b'  | =
  ␠a␠      | =    | =        | ' a '  | =
  ∅NULL    | =    | =        | 'NULL' | =
  007      | =    | =        | '='    | =
  é😀       | =    | =        | '='    | =
  \N       | =    | =        | '='    | =
  5" nails | =    | =        | '='    | "="
integer                | bigint                               | bigint(20) | INTEGER
  42                   | =
  +42                  | 42
  0042                 | 42
  -9223372036854775808 | =
  9223372036854775807  | =
  9223372036854775808  | !does not fit into 64 bits
  1.0                  | !is not a whole number
  1e5                  | !is not a whole number
  1_000                | !is not a whole number
  0x10                 | !is not a whole number
  ""                   | !an empty text is not a whole number
  n/a                  | !is not a whole number
  ␠7␠                  | 7
  "7"                  | 7
numeric                                   | numeric                                      | decimal(65,30)                               | NUMERIC
  10.50                                   | =                                            | 10.5{0×29}                                   | 10.5                                     | =
  .5                                      | 0.5                                          | 0.5{0×29}                                    | 0.5                                      | 0.5
  5.                                      | 5                                            | 5.{0×30}                                     | 5                                        | 5
  +007.50                                 | 7.50                                         | 7.5{0×29}                                    | 7.5                                      | 7.50
  -0                                      | 0                                            | 0.{0×30}                                     | 0                                        | 0
  0.0000001                               | =                                            | 0.0000001{0×23}                              | 1.0e-07                                  | =
  12345678901234567890.123456789012345678 | =                                            | 12345678901234567890.123456789012345678000000000000 | !is not held exactly by SQLite's numbers | =
  1e5                                     | !is not a number in plain digits
  1_000                                   | !is not a number in plain digits
  "1,000"                                 | !is not a number in plain digits
  nan                                     | !is not a number in plain digits
  1e400                                   | !is not a number in plain digits
  ""                                      | !an empty text is not a number in plain digits
  Infinity                                | !is not a number in plain digits
double      | double precision                  | double                                       | DOUBLE
  0.1       | =
  1e-7      | 1e-07                             | 0.0000001                                    | 1.0e-07                                      | 0.0000001
  1e400     | !is beyond what a double can hold
  1e-400    | !is beyond what a double can hold
  NaN       | =                                 | !does not fit into the column t0, which is double | !NaN is no number that SQLite has: it would become NULL | =
  -Infinity | =                                 | !does not fit into the column t0, which is double | -Inf                                         | =
  nan       | !is not a number
  1_0       | !is not a number
boolean | boolean               | tinyint(1) | BOOLEAN
  true  | =                     | 1          | 1       | =
  FALSE | false                 | 0          | 0       | false
  t     | true                  | 1          | 1       | true
  1     | !is not true or false
  yes   | !is not true or false
date         | date                                         | date | DATE
  2026-07-31 | =                                            | =    | '='  | =
  0001-01-01 | =                                            | =    | '='  | =
  9999-12-31 | =                                            | =    | '='  | =
  2026-13-01 | !is no date that exists, of the years 1 to 9999
  2026-02-29 | !is no date that exists, of the years 1 to 9999
  31.07.2026 | !is not a date
  0000-01-01 | !is no date that exists, of the years 1 to 9999
  2026-7-1   | !is not a date
time               | time without time zone | time(6)         | TIME
  01:02:03.5       | =                      | 01:02:03.500000 | '01:02:03.500000' | =
  01:02            | 01:02:00               | 01:02:00.000000 | '01:02:00.000000' | 01:02:00
  24:00:00         | !is no time of a day
  01:02:03.1234567 | !is not a time
timestamp               | timestamp without time zone                  | datetime(6)                | DATETIME
  2026-07-31 12:00:00.5 | =                                            | 2026-07-31 12:00:00.500000 | '2026-07-31 12:00:00.500000' | =
  2026-07-31T12:00:00   | 2026-07-31 12:00:00                          | 2026-07-31 12:00:00.000000 | '2026-07-31 12:00:00.000000' | 2026-07-31 12:00:00
  2026-07-31            | 2026-07-31 00:00:00                          | 2026-07-31 00:00:00.000000 | '2026-07-31 00:00:00.000000' | 2026-07-31 00:00:00
  2026-07-31 12:00:00Z  | !is not a timestamp
  2026-07-31 23:59:60   | !is no date that exists, of the years 1 to 9999
timestamptz                | timestamp with time zone          | timestamp(6)               | TIMESTAMPTZ
  2026-07-31 12:00:00Z     | 2026-07-31 12:00:00+00            | 2026-07-31 12:00:00.000000 | '2026-07-31 12:00:00.000000+00:00' | 2026-07-31 12:00:00+00
  2026-10-25 02:30:00+02   | 2026-10-25 00:30:00+00            | 2026-10-25 00:30:00.000000 | '2026-10-25 00:30:00.000000+00:00' | 2026-10-25 00:30:00+00
  2026-10-25 02:30:00+01   | 2026-10-25 01:30:00+00            | 2026-10-25 01:30:00.000000 | '2026-10-25 01:30:00.000000+00:00' | 2026-10-25 01:30:00+00
  2026-07-31 12:00:00      | !is not a timestamp with its zone
  2026-07-31 12:00:00+0530 | 2026-07-31 06:30:00+00            | 2026-07-31 06:30:00.000000 | '2026-07-31 06:30:00.000000+00:00' | 2026-07-31 06:30:00+00
"""

NEW = {"postgresql": POSTGRESQL, "mariadb": MARIADB, "sqlite": SQLITE, "csv": CSV}

# a type of a source → a type of a column that is there; a refusal beside them is one before the first row
APPENDED = r"""
postgresql jsonb → postgresql jsonb
  "1"                            | =
  "true"                         | =
  null                           | =
  {"a": null}                    | =
  12345678901234567890.123456789 | =
postgresql json → postgresql jsonb
  {"b":  1}                      | {"b": 1}
  12345678901234567890.123456789 | =
postgresql jsonb → postgresql text
  "1"  | =
  null | =
postgresql text → postgresql jsonb
  "1" | =
  n/a | !invalid input syntax for type json (Token "n" is invalid.)
  ∅   | !invalid input syntax for type json (The input string ended unexpectedly.)
  {"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]} | =
  {"a": 1, "a": 2}                           | !it keeps one of two members of one name
  [{"b": {"a": 1, "\u0061": 2}}]             | !it keeps one of two members of one name
postgresql json → postgresql jsonb
  {"a": 1, "a": 2} | !it keeps one of two members of one name
postgresql text → postgresql jsonb[] | !changes values of other types without a word
postgresql text → postgresql json
  {"a":  1} | =
  n/a       | !invalid input syntax for type json (Token "n" is invalid.)
postgresql interval → postgresql interval
  1 mon   | =
  30 days | =
postgresql interval → postgresql interval year to month | !changes values of other types without a word
postgresql text → postgresql interval
  1 mon   | =
  a while | !invalid input syntax for type interval: "a while"
  00:00:01.1234560 | 00:00:01.123456
  00:00:01.1234567 | !does not fit into the column t0, which is interval
postgresql timetz → postgresql timetz
  12:00:00+05 | =
postgresql text → postgresql timetz
  12:00:00.5+05:45 | =
  24:00Z           | 24:00:00+00
  12:00            | !does not fit into the column t0, which is time with time zone
  now              | !does not fit into the column t0
  12:00:00.1234567+00 | !does not fit into the column t0
postgresql timetz → postgresql timetz(3) | !changes values of other types without a word
postgresql text → postgresql tstzrange
  [2026-01-01 00:00+02,)  | ["2025-12-31 22:00:00+00",)
  (-infinity,infinity]    | (-infinity,infinity]
  empty                   | =
  [2026-01-01 00:00,)     | !does not fit into the column t0, which is tstzrange
  [now,)                  | !does not fit into the column t0
postgresql text → postgresql tsrange
  [2026-01-01,2026-02-01 12:00) | ["2026-01-01 00:00:00","2026-02-01 12:00:00")
  [2026-01-01 00:00+02,)        | !does not fit into the column t0, which is tsrange
postgresql text → postgresql datemultirange
  {[2026-01-01,2026-02-01),[2026-03-01,)} | =
  {}                                      | =
  {[2026-01-01 12:00,)}                   | !does not fit into the column t0, which is datemultirange
postgresql timestamptz → postgresql timestamptz
  2026-10-25 00:30:00.123456+00 | =
  2026-10-25 01:30:00.123456+00 | =
postgresql timestamptz → postgresql timestamp | !only the rows have a zone
postgresql timestamp → postgresql timestamptz | !only the column has a zone
postgresql date → postgresql timestamptz | !make them alike
postgresql date → postgresql timestamp
  2026-10-25 | 2026-10-25 00:00:00
postgresql timestamp → postgresql date
  2026-10-25 00:00:00 | 2026-10-25
  2026-10-25 00:00:01 | !does not fit into the column t0, which is date
postgresql timestamp → postgresql timestamp(0)
  2026-07-01 12:00:00   | =
  2026-07-01 12:00:00.5 | !does not fit into the column t0, which is timestamp(0) without time zone
postgresql time → postgresql time(3)
  01:02:03.456  | =
  01:02:03.4567 | !does not fit into the column t0, which is time(3) without time zone
postgresql numeric → postgresql numeric(10,2)
  19.9         | 19.90
  19.990       | 19.99
  19.999       | !has more digits than decimal(10,2) can hold
  123456789.00 | !has more digits than decimal(10,2) can hold
  NaN          | !is not a number in plain digits
postgresql numeric(10,2) → postgresql numeric(4,1)
  19.90   | 19.9
  19.99   | !does not fit into the column t0, which is numeric(4,1)
  1000.00 | !does not fit into the column t0, which is numeric(4,1)
postgresql numeric(10,2) → postgresql numeric(3,-2) | !changes values of other types without a word
postgresql numeric → postgresql numeric(50,10)
  1234567890123456789012345678901234567890.0123456789 | =
  0.01234567891                          | !does not fit into the column t0, which is numeric(50,10)
postgresql numeric → postgresql integer
  5          | =
  5.00       | 5
  5.5        | !is not a whole number
  2147483648 | !does not fit into 32 bits
  NaN        | !is not a whole number
postgresql numeric → postgresql double precision
  0.5                    | =
  0.1                    | =
  12345678901234567890   | !does not fit into the column t0, which is double precision
  0.30000000000000000001 | !does not fit into the column t0, which is double precision
postgresql integer → postgresql smallint
  32767 | =
  32768 | !does not fit into the column t0, which is smallint
postgresql bigint → postgresql double precision
  9007199254740992 | 9.007199254740992e+15
  9007199254740993 | !does not fit into the column t0, which is double precision
postgresql bigint → postgresql numeric(5,2)
  999  | 999.00
  1000 | !has more digits than decimal(5,2) can hold
postgresql bigint → postgresql oid
  4294967295 | =
  4294967296 | !does not fit into the column t0, which is oid
  -1         | !does not fit into the column t0, which is oid
postgresql integer → postgresql boolean
  0 | false
  1 | true
  2 | !does not fit into the column t0, which is boolean
postgresql boolean → postgresql integer
  true  | 1
  false | 0
postgresql boolean → postgresql text
  true | =
postgresql double precision → postgresql real
  0.1         | =
  0.123456789 | !does not fit into the column t0, which is real
  1e+300      | !does not fit into the column t0, which is real
  NaN         | =
postgresql double precision → postgresql numeric(10,2)
  0.1                 | 0.10
  19.99               | =
  0.30000000000000004 | !has more digits than decimal(10,2) can hold
  NaN                 | !is not a number in plain digits
  Infinity            | !is not a number in plain digits
postgresql double precision → postgresql numeric
  0.1    | =
  1e-300 | 0.{0×299}1
  NaN    | =
postgresql double precision → postgresql integer
  5      | =
  5.5    | !is not a whole number
  1e+300 | !does not fit into 32 bits
  NaN    | !is not a whole number
postgresql real → postgresql double precision
  0.1 | =
postgresql real → postgresql numeric(10,2)
  0.1 | 0.10
postgresql text → postgresql varchar(3)
  abc   | =
  abcd  | !does not fit into the column t0, which is character varying(3)
  é😀x   | =
  abc␠␠ | !does not fit into the column t0, which is character varying(3)
postgresql text → postgresql char(5)
  ab      | =
  abcdef  | !does not fit into the column t0, which is character(5)
  ab␠     | ab
  abcdef␠ | !does not fit into the column t0, which is character(5)
postgresql text → postgresql integer
  7     | =
  007   | !does not fit into the column t0, which is integer
  ∅     | !an empty text is not a whole number
  12abc | !is not a whole number
  1e5   | !is not a whole number
  1_000 | !is not a whole number
  ␠7    | 7
postgresql text → postgresql numeric(10,2)
  19.99  | =
  19.999 | !has more digits than decimal(10,2) can hold
  n/a    | !is not a number in plain digits
  NaN    | !is not a number in plain digits
postgresql text → postgresql double precision
  1e-7  | 1e-07
  1e400 | !is beyond what a double can hold
  NaN   | =
postgresql text → postgresql boolean
  true | =
  t    | true
  yes  | !is not true or false
  1    | !is not true or false
postgresql text → postgresql date
  2026-07-31 | =
  2026-13-01 | !is no date that exists, of the years 1 to 9999
  31.07.2026 | !is not a date
  ∅          | !an empty text is not a date
  today      | !is not a date
  infinity   | !is not a date
postgresql text → postgresql timestamptz
  2026-07-31 12:00:00+02 | 2026-07-31 10:00:00+00
  2026-07-31 12:00:00    | !is not a timestamp with its zone
  now                    | !is not a timestamp with its zone
postgresql text → postgresql bytea
  \x00ff | =
  abc    | !is not bytes in hexadecimal digits
postgresql text → postgresql uuid
  123E4567-E89B-12D3-A456-426614174000   | 123e4567-e89b-12d3-a456-426614174000
  n/a                                    | !is not a UUID
  {123e4567-e89b-12d3-a456-426614174000} | !is not a UUID
postgresql text → postgresql mood
  sad   | =
  happy | !invalid input value for enum mood: "happy"
postgresql text → postgresql inet
  ::1 | ::1/128
  n/a | !invalid input syntax for type inet: "n/a"
postgresql text → postgresql integer[]
  {1,NULL} | =
  {a}      | !invalid input syntax for type integer: "a"
postgresql text → postgresql money | !changes values of other types without a word
postgresql text → postgresql numeric(10,2)[] | !changes values of other types without a word
postgresql text → postgresql price[] | !changes values of other types without a word
postgresql text → postgresql pair
  (1,"a b") | =
postgresql text → postgresql stay | !changes values of other types without a word
postgresql text → postgresql clock_range | !changes values of other types without a word
postgresql text → postgresql int4range[]
  {"[1,5)",NULL} | =
postgresql text → postgresql numrange
  [1.50,5) | =
postgresql text → postgresql varchar[]
  {"a ",NULL} | =
postgresql text → postgresql date[]
  {2026-01-31,NULL,infinity} | =
  {"2026-01-31"}             | {2026-01-31}
  {{2026-01-31},{today}}     | !does not fit into the column t0, which is date[]
  {2026-01-31 12:00}         | !does not fit into the column t0
postgresql text → postgresql tsrange[]
  {empty,"[\"2026-01-01 00:00:00\",)"} | =
  {"[2026-01-01 00:00+02,)"}           | !does not fit into the column t0, which is tsrange[]
postgresql text → postgresql real[]
  {0.1,NULL,NaN,1e+20} | =
  [2:3]={1,-Infinity}  | =
  {{1,16777217}}       | !does not fit into the column t0, which is real[]
  {+1,16777217}        | !does not fit into the column t0, which is real[]
  {+.5,1.}             | {0.5,1}
  {a}                  | !invalid input syntax for type real: "a"
postgresql text → postgresql price
  19.99 | =
  -1    | !value for domain price violates check constraint "price_check"
postgresql integer[] → postgresql text
  {7} | =
postgresql integer[] → postgresql integer | !make them alike
postgresql inet → postgresql cidr | !make them alike
postgresql bytea → postgresql text
  \x00ff | =
postgresql uuid → postgresql text
  00000000-0000-0000-0000-000000000000 | =
postgresql bit(3) → postgresql integer | !make them alike
postgresql char(5) → postgresql text
  ab | =
postgresql uuid → mariadb uuid
  ffffffff-ffff-4fff-bfff-ffffffffffff | =
postgresql boolean → mariadb bit(1)
  true  | 1
  false | 0
postgresql jsonb → mariadb json
  "1"  | =
  null | =
postgresql text → mariadb json
  {"a":  1} | =
  n/a       | !CONSTRAINT
postgresql text → mariadb enum('a','B','')
  a | =
  A | !does not fit into the column t0, which is enum('a','B','')
  1 | !does not fit into the column t0, which is enum('a','B','')
  ∅ | =
  c | !does not fit into the column t0, which is enum('a','B','')
postgresql text → mariadb set('x','y')
  x   | =
  x,y | =
  y,x | !does not fit into the column t0, which is set('x','y')
  x,x | !does not fit into the column t0, which is set('x','y')
  x,z | !does not fit into the column t0, which is set('x','y')
  3   | !does not fit into the column t0, which is set('x','y')
  ∅   | =
  ,   | !does not fit into the column t0, which is set('x','y')
postgresql integer → mariadb year(4)
  1970 | =
  70   | !does not fit into the column t0, which is year(4)
  0    | 0000
  2156 | !does not fit into the column t0, which is year(4)
postgresql text → mariadb int(11)
  7          | =
  007        | !does not fit into the column t0, which is int(11)
  12abc      | !is not a whole number
  ∅          | !an empty text is not a whole number
  2147483648 | !does not fit into 32 bits
postgresql text → mariadb varchar(3)
  abc    | =
  abcdef | !does not fit into the column t0, which is varchar(3)
  abc␠   | !does not fit into the column t0, which is varchar(3)
postgresql text → mariadb char(5)
  ab  | =
  ab␠ | ab
postgresql text → mariadb varchar(9) character set latin1
  é | =
  😀 | !Incorrect string value
postgresql text → mariadb tinytext
  abc     | =
  {é×127} | =
  {é×128} | !does not fit into the column t0, which is tinytext
postgresql text → mariadb tinytext character set latin1
  {é×255} | =
postgresql text → mariadb date
  2026-07-31 | =
  2026-02-30 | !is no date that exists, of the years 1 to 9999
  0000-00-00 | !is no date that exists, of the years 1 to 9999
postgresql text → mariadb blob
  abc    | !is not bytes in hexadecimal digits
  \x00ff | x'00FF'
postgresql text → mariadb uuid
  123e4567-e89b-12d3-a456-426614174000 | =
  n/a                                  | !is not a UUID
postgresql text → mariadb inet6
  ::1 | =
  n/a | !Incorrect inet6 value
postgresql inet → mariadb inet6 | !make them alike
postgresql numeric(10,2) → mariadb decimal(10,1)
  30.00 | 30.0
  19.99 | !does not fit into the column t0, which is decimal(10,1)
postgresql numeric → mariadb decimal(10,2)
  30.00     | =
  19.999    | !has more digits than decimal(10,2) can hold
  123456789 | !has more digits than decimal(10,2) can hold
postgresql numeric(20,0) → mariadb bigint(20) unsigned
  18446744073709551615 | =
  18446744073709551616 | !Out of range value for column 't0'
  -1                   | !Out of range value for column 't0'
postgresql bigint → mariadb int(10) unsigned
  4294967295 | =
  4294967296 | !does not fit into the column t0, which is int(10) unsigned
  -1         | !does not fit into the column t0, which is int(10) unsigned
postgresql bigint → mariadb tinyint(1)
  127 | =
  128 | !does not fit into the column t0, which is tinyint(1)
postgresql bigint → mariadb bit(8)
  255 | =
  256 | !does not fit into the column t0, which is bit(8)
  -1  | !does not fit into the column t0, which is bit(8)
postgresql bigint → mariadb double
  9007199254740993 | !does not fit into the column t0, which is double
postgresql bigint → mariadb float
  16777216 | =
  16777217 | !does not fit into the column t0, which is float
postgresql double precision → mariadb float
  0.1         | 0.10000000149011612
  0.123456789 | !does not fit into the column t0, which is float
postgresql double precision → mariadb float(10,2)
  1.25  | =
  1.255 | !does not fit into the column t0, which is float(10,2)
postgresql double precision → mariadb decimal(10,2)
  0.1   | 0.10
  0.001 | !has more digits than decimal(10,2) can hold
postgresql timestamptz → mariadb datetime(6) | !only the rows have a zone
postgresql timestamp → mariadb timestamp | !only the column has a zone
postgresql timestamp → mariadb datetime
  2026-07-01 12:00:00   | =
  2026-07-01 12:00:00.5 | !does not fit into the column t0, which is datetime
postgresql timestamptz → mariadb timestamp
  2026-07-01 12:00:00+00   | 2026-07-01 12:00:00
  2026-07-01 12:00:00.5+00 | !does not fit into the column t0, which is timestamp
  1960-01-01 00:00:00+00   | !Incorrect datetime value
postgresql time → mariadb time
  01:02:03        | =
  01:02:03.456789 | !does not fit into the column t0, which is time
postgresql timestamp → mariadb date
  2026-07-01 00:00:00 | 2026-07-01
  2026-07-01 12:00:00 | !does not fit into the column t0, which is date
postgresql interval → mariadb time | !make them alike
postgresql text → mariadb time
  01:00:00  | =
  -01:30:00 | !is not a time
postgresql bytea → mariadb varbinary(2)
  \x00ff   | x'00FF'
  \x00ff00 | !Data too long for column 't0'
postgresql bytea → mariadb binary(4)
  \x00ff0a27 | x'00FF0A27'
  \x01       | !does not fit into the column t0, which is binary(4)
postgresql bytea → mariadb tinyblob
  \x00ff | x'00FF'
postgresql integer[] → mariadb int(11) | !make them alike
postgresql numeric → sqlite TEXT
  12345678901234567890.10 | '='
postgresql numeric → sqlite NUMERIC_TEXT
  12345678901234567890.10 | '='
  NaN                     | '='
postgresql numeric → sqlite INTEGER
  5   | =
  5.5 | !is not a whole number
postgresql numeric(38,18) → sqlite NUMERIC
  0.5                                    | =
  12345678901234567890.123456789012345678 | !is not held exactly by SQLite's numbers
postgresql numeric(38,18) → sqlite REAL
  0.500000000000000000                   | 0.5
  12345678901234567890.123456789012345678 | !does not fit into the column t0, which is REAL
postgresql numeric(10,2) → sqlite DECIMAL(5,1)
  19.90 | 19.9
  19.99 | !does not fit into the column t0, which is DECIMAL(5,1)
postgresql uuid → sqlite TEXT
  00000000-0000-0000-0000-000000000000 | '='
postgresql uuid → sqlite BLOB | !make them alike
postgresql timestamptz → sqlite DATETIME | !only the rows have a zone
postgresql timestamptz → sqlite TEXT
  2026-10-25 00:30:00+00 | '='
postgresql timestamp → sqlite DATE
  2026-07-01 00:00:00 | '2026-07-01'
  2026-07-01 12:00:00 | !does not fit into the column t0, which is DATE
postgresql timestamp → sqlite TEXT
  2026-07-01 12:00:00.5 | '='
postgresql date → sqlite TEXT
  2026-07-31 | '='
postgresql text → sqlite INTEGER
  7                   | =
  007                 | !'007' would lose its leading zeros in a number
  n/a                 | !is not a whole number
  1.5                 | !is not a whole number
  ∅                   | !an empty text is not a whole number
  9223372036854775808 | !does not fit into 64 bits
postgresql text → sqlite REAL
  0.5                  | =
  1e-7                 | 1.0e-07
  007                  | !'007' would lose its leading zeros in a number
  12345678901234567890 | 1.23456789012345671677e+19
postgresql text → sqlite NUMERIC
  1.5  | =
  1.50 | 1.5
  1e5  | !is not a number in plain digits
  007  | !'007' would lose its leading zeros in a number
  n/a  | !is not a number in plain digits
postgresql text → sqlite (none)
  007 | '='
  1e5 | '='
  abc | '='
postgresql text → sqlite ANYTHING
  007 | !'007' would become a number, since the column declares no text
  1e5 | !'1e5' would become a number, since the column declares no text
  abc | '='
postgresql text → sqlite DATE
  2026-07-31 | '='
  n/a        | !is not a date
  20260731   | !is not a date
postgresql text → sqlite BLOB
  \x00ff | X'00FF'
  abc    | !is not bytes in hexadecimal digits
postgresql text → sqlite BOOLEAN
  true | 1
  1    | !is not true or false
  yes  | !is not true or false
postgresql text → sqlite VARCHAR(3)
  abcd | '='
postgresql text → sqlite JSON
  1.0      | !'1.0' would be stored as a number, and come back otherwise
  {"a": 1} | '='
  1        | =
postgresql bytea → sqlite TEXT
  \x00ff | '='
postgresql boolean → sqlite INTEGER
  true | 1
postgresql boolean → sqlite TEXT
  true | '='
postgresql double precision → sqlite INTEGER
  5   | =
  5.5 | !is not a whole number
postgresql double precision → sqlite TEXT
  0.1    | '='
  1e-300 | '0.{0×299}1'
postgresql double precision → sqlite NUMERIC
  0.1 | =
  NaN | !does not fit into the column t0, which is NUMERIC
postgresql bigint → sqlite REAL
  9007199254740992 | 9.00719925474099199994e+15
  9007199254740993 | !does not fit into the column t0, which is REAL
postgresql bigint → sqlite TEXT
  9223372036854775807 | '='
postgresql integer → sqlite BOOLEAN
  1 | =
  2 | !does not fit into the column t0, which is BOOLEAN
postgresql interval → sqlite INTERVAL
  1 mon | '='
postgresql inet → sqlite TEXT
  ::1 | '='
postgresql jsonb → sqlite JSON
  1.0      | !'1.0' would be stored as a number, and come back otherwise
  "1"      | '='
  {"a": 1} | '='
mariadb tinyint(1) → postgresql boolean
  0 | false
  1 | true
  2 | !does not fit into the column t0, which is boolean
mariadb bit(1) → postgresql boolean
  b'1' | true
mariadb bigint(20) unsigned → postgresql bigint
  9223372036854775807  | =
  18446744073709551615 | !does not fit into 64 bits
mariadb decimal(65,30) → postgresql numeric(10,2)
  19.99  | =
  19.999 | !has more digits than decimal(10,2) can hold
mariadb datetime(6) → postgresql timestamptz | !only the column has a zone
mariadb timestamp → postgresql timestamp | !only the rows have a zone
mariadb time → postgresql interval | !make them alike
mariadb json → postgresql jsonb
  "1"                      | =
  12345678901234567890.123 | =
mariadb enum('sad','mad') → postgresql mood
  sad | =
  mad | !invalid input value for enum mood: "mad"
mariadb char(36) → postgresql uuid
  123e4567-e89b-12d3-a456-426614174000 | =
  n/a                                  | !is not a UUID
mariadb binary(16) → postgresql uuid | !make them alike
mariadb inet6 → postgresql inet | !make them alike
mariadb year(4) → postgresql date | !make them alike
mariadb blob → postgresql text
  x'00FF' | \x00ff
mariadb varchar(9) → postgresql integer
  7  | =
  7a | !is not a whole number
mariadb float → postgresql double precision
  0.1 | 0.10000000149011612
mariadb float → postgresql numeric(10,2)
  0.1 | 0.10
mariadb datetime(6) → mariadb datetime
  2026-07-01 12:00:00   | =
  2026-07-01 12:00:00.5 | !does not fit into the column t0, which is datetime
mariadb datetime → mariadb timestamp | !only the column has a zone
mariadb decimal(10,2) → mariadb decimal(10,0)
  19.00 | 19
  19.99 | !does not fit into the column t0, which is decimal(10,0)
mariadb enum('sad','mad') → mariadb enum('mad')
  mad | =
  sad | !does not fit into the column t0, which is enum('mad')
mariadb tinyint(1) → mariadb tinyint(3) unsigned
  1  | =
  -1 | !does not fit into the column t0, which is tinyint(3) unsigned
mariadb float → mariadb double
  0.1 | 0.10000000149011612
mariadb bigint(20) unsigned → sqlite INTEGER
  9223372036854775807  | =
  18446744073709551615 | !does not fit into 64 bits
mariadb decimal(65,30) → sqlite TEXT
  0.1 | '0.1{0×29}'
mariadb decimal(65,30) → sqlite DECIMAL_TEXT(38,18)
  0.1                   | '0.100000000000000000'
  0.0000000000000000001 | !has more digits than decimal(38,18) can hold
mariadb time(6) → sqlite TEXT
  01:02:03.5 | '='
mariadb blob → sqlite BLOB
  x'00FF' | X'00FF'
sqlite TEXT → postgresql integer
  '7'   | 7
  'n/a' | !is not a whole number
  '∅'   | !an empty text is not a whole number
sqlite TEXT → postgresql uuid
  '123E4567-E89B-12D3-A456-426614174000' | 123e4567-e89b-12d3-a456-426614174000
  'n/a'                                  | !is not a UUID
sqlite TEXT → postgresql jsonb
  '"1"' | "1"
sqlite TEXT → postgresql timestamptz
  '2026-07-31 12:00:00' | !is not a timestamp with its zone
sqlite DATETIME → postgresql timestamptz | !only the column has a zone
sqlite INTEGER → postgresql boolean
  1 | true
  2 | !does not fit into the column t0, which is boolean
sqlite INTEGER → postgresql smallint
  32768 | !does not fit into the column t0, which is smallint
sqlite INTEGER → postgresql timestamp | !make them alike
sqlite REAL → postgresql numeric(10,2)
  19.99  | =
  19.999 | !has more digits than decimal(10,2) can hold
sqlite REAL → postgresql integer
  5   | =
  5.5 | !is not a whole number
sqlite BLOB → postgresql uuid | !make them alike
sqlite NUMERIC → postgresql numeric(10,2)
  19.99  | =
  19.999 | !has more digits than decimal(10,2) can hold
sqlite TEXT → mariadb int(11)
  '7'  | 7
  '7a' | !is not a whole number
sqlite TEXT → mariadb varchar(3)
  'abcd' | !does not fit into the column t0, which is varchar(3)
sqlite INTEGER → mariadb int(10) unsigned
  -1 | !does not fit into the column t0, which is int(10) unsigned
sqlite REAL → mariadb decimal(10,2)
  19.99  | =
  19.999 | !has more digits than decimal(10,2) can hold
sqlite DATETIME → mariadb timestamp | !only the column has a zone
sqlite BOOLEAN → mariadb varchar(9)
  1 | true
sqlite TEXT → sqlite INTEGER
  '7'   | 7
  '007' | !'007' would lose its leading zeros in a number
sqlite INTEGER → sqlite TEXT
  7 | '='
sqlite BLOB → sqlite TEXT
  x'00FF' | '\x00ff'
csv text → postgresql integer
  7   | =
  007 | !does not fit into the column t0, which is integer
  ""  | !an empty text is not a whole number
  n/a | !is not a whole number
csv text → postgresql date
  2026-07-31 | =
  2026-13-01 | !is no date that exists, of the years 1 to 9999
csv text → postgresql varchar(3)
  abc  | =
  abcd | !does not fit into the column t0, which is character varying(3)
csv text → postgresql bytea
  \x00ff | =
  abc    | !is not bytes in hexadecimal digits
csv text → postgresql jsonb
  7            | =
  "{""a"": 1}" | {"a": 1}
  n/a          | !invalid input syntax for type json (Token "n" is invalid.)
csv text → postgresql timestamptz
  2026-07-31 12:00:00+02 | 2026-07-31 10:00:00+00
  2026-07-31 12:00:00    | !is not a timestamp with its zone
csv numeric → postgresql numeric(10,2)
  19.99  | =
  19.999 | !has more digits than decimal(10,2) can hold
  1e5    | !is not a number in plain digits
csv numeric → postgresql integer
  5.0 | 5
  5.5 | !is not a whole number
csv integer → postgresql smallint
  32768 | !does not fit into the column t0, which is smallint
csv integer → postgresql text
  0042 | 42
csv timestamp → postgresql timestamptz | !only the column has a zone
csv text → mariadb int(11)
  7     | =
  ""    | !an empty text is not a whole number
  12abc | !is not a whole number
csv text → mariadb varchar(3)
  abcd | !does not fit into the column t0, which is varchar(3)
csv text → mariadb date
  2026-02-30 | !is no date that exists, of the years 1 to 9999
csv text → mariadb timestamp
  2026-07-31 12:00:00Z | 2026-07-31 12:00:00
  2026-07-31 12:00:00  | !is not a timestamp with its zone
csv text → mariadb blob
  \x00ff | x'00FF'
csv numeric → mariadb decimal(10,2)
  19.99  | =
  19.999 | !has more digits than decimal(10,2) can hold
csv numeric → mariadb bigint(20)
  9223372036854775808 | !does not fit into 64 bits
csv text → sqlite INTEGER
  7   | =
  007 | !'007' would lose its leading zeros in a number
  1e5 | !is not a whole number
  n/a | !is not a whole number
csv text → sqlite NUMERIC
  1.5 | =
  007 | !'007' would lose its leading zeros in a number
  1e5 | !is not a number in plain digits
csv numeric → sqlite INTEGER
  5.0 | 5
  5.5 | !is not a whole number
csv numeric → sqlite REAL
  0.1                  | =
  12345678901234567890 | !does not fit into the column t0, which is REAL
csv boolean → sqlite INTEGER
  true | 1
csv text → sqlite UUID
  123E4567-E89B-12D3-A456-426614174000 | '123e4567-e89b-12d3-a456-426614174000'
  n/a                                  | !is not a UUID
"""
